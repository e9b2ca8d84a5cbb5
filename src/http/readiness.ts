export interface ReadinessOptions {
  /** Checks of the parts that the service needs, by their names. */
  needs: Record<string, (timeoutMs: number) => Promise<boolean>>
  /** Milliseconds since the epoch. */
  clock: () => number
}

/** Whether this process should get requests, for both of its servers. */
export interface Readiness {
  /** Finds the reason against it, as a sentence; null: ready. Asks once a second at most. */
  findFault(): Promise<string | null>
  /** Asks for everything that the service needs. @returns the names of the parts that do not answer in time */
  listMissing(timeoutMs: number): Promise<string[]>
  /** Makes the process not ready from now on, because it ends soon. */
  announceEnd(): void
}

const timeoutMs = 2000
const rememberMs = 1000
const endFault = 'This process is ending.'

export function createReadiness({ needs, clock }: ReadinessOptions): Readiness {
  let asked: { at: number; missing: Promise<string[]> } | undefined
  let isEnding = false

  async function listMissing(withinMs: number): Promise<string[]> {
    const answers = await Promise.all(
      Object.entries(needs).map(async ([name, ask]) =>
        (await ask(withinMs).catch(() => false)) ? [] : [name],
      ),
    )
    return answers.flat()
  }

  return {
    listMissing,
    findFault: async () => {
      if (isEnding) return endFault
      const now = clock()
      if (asked === undefined || Math.abs(now - asked.at) >= rememberMs)
        asked = { at: now, missing: listMissing(timeoutMs) }
      const missing = await asked.missing
      return missing.length === 0 ? null : `Missing: ${missing.join(', ')}.`
    },
    announceEnd: () => {
      isEnding = true
    },
  }
}
