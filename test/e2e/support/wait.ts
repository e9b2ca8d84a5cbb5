import { setTimeout as delay } from 'node:timers/promises'

export interface WaitOptions {
  timeoutMs: number
  /** Ends the waiting at once, with the error of the caller's choice. */
  giveUp?: () => Promise<void> | void
}

/**
 * Asks an address until it answers 2xx.
 * @throws what `giveUp` throws, or an error that says what the last attempt met
 */
export async function waitUntilAnswers(url: string, { timeoutMs, giveUp }: WaitOptions): Promise<void> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const outcome = await ask(url)
    if (outcome === 'ok') return
    await giveUp?.()
    if (Date.now() >= deadline) throw new Error(`${url} gave no 2xx within ${timeoutMs} ms: ${outcome}`)
    await delay(200)
  }
}

async function ask(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000), redirect: 'manual' })
    await response.arrayBuffer()
    return response.ok ? 'ok' : `status ${response.status}`
  } catch (error) {
    return error instanceof Error ? String(error.cause ?? error) : String(error)
  }
}
