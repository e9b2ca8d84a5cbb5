import { Agent, type buildConnector, type Dispatcher, fetch, type Response } from 'undici'

/** Why a document cannot be had, in words for whoever looks at the page and whoever reads the log. */
export class DocumentUnavailable extends Error {
  override readonly name = 'DocumentUnavailable'
}

export interface FetchOptions {
  /** For all of it. */
  timeoutMs: number
  maxBytes: number
  /** Connects to the addresses that the service may have. */
  connect: buildConnector.connector
}

const maxRedirects = 3

/**
 * Reads JSON from an operator's URL, without any credential. Redirects within its origin are followed: one that leads
 * elsewhere would let a service choose what this one asks.
 * @throws DocumentUnavailable
 */
export async function fetchDocument(
  url: string,
  { timeoutMs, maxBytes, connect }: FetchOptions,
): Promise<unknown> {
  const signal = AbortSignal.timeout(timeoutMs)
  const dispatcher = new Agent({ connect })
  try {
    const answer = await ask(new URL(url), { signal, dispatcher }, maxRedirects)
    return parse(await readText(answer, maxBytes))
  } catch (error) {
    if (error instanceof DocumentUnavailable) throw error
    const reason = signal.aborted ? `did not answer within ${timeoutMs / 1000} s` : 'cannot be reached'
    throw new DocumentUnavailable(reason, { cause: error })
  } finally {
    void dispatcher.destroy()
  }
}

type AskOptions = { signal: AbortSignal; dispatcher: Dispatcher }

async function ask(url: URL, options: AskOptions, redirectsLeft: number): Promise<Response> {
  const answer = await fetch(url.href, {
    ...options,
    redirect: 'manual',
    headers: { accept: 'application/vnd.oai.openapi+json, application/json' },
  })
  if (answer.status === 200) return answer
  // What is not read keeps its connection.
  await answer.body?.cancel()
  const location = answer.headers.get('location')
  if (answer.status < 300 || answer.status > 399 || location === null) {
    throw new DocumentUnavailable(`answered with status ${answer.status}`)
  }
  const target = URL.canParse(location, url.href) ? new URL(location, url) : null
  if (target?.origin !== url.origin) throw new DocumentUnavailable('redirects to another site')
  if (redirectsLeft === 0) throw new DocumentUnavailable('redirects too often')
  return ask(target, options, redirectsLeft - 1)
}

async function readText(answer: Response, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  // Counted as it comes, and after its decompression: what a header says of the size proves nothing.
  for await (const part of answer.body ?? []) {
    bytes += part.byteLength
    if (bytes > maxBytes) throw new DocumentUnavailable(`has more than ${maxBytes} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    // Without its cause, which quotes the document.
    throw new DocumentUnavailable('is not JSON')
  }
}
