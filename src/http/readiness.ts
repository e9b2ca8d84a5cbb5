export interface ReadinessOptions {
  /** Checks of the parts that the service needs, by their names. */
  needs: Record<string, (timeoutMs: number) => Promise<boolean>>
  /** Milliseconds since the epoch. */
  clock: () => number
}

/** Whether this process should get requests, for both of its servers. */
export interface Readiness {
  /**
   * Finds the reason against it, as a sentence; null: ready. Answers at once from what each part said within 5 s, and
   * asks the part again, once a second at most.
   */
  findFault(): Promise<string | null>
  /** Asks for everything that the service needs. @returns the names of the parts that do not answer in time */
  listMissing(timeoutMs: number): Promise<string[]>
  /** Makes the process not ready from now on, because it ends soon. */
  announceEnd(): void
}

const timeoutMs = 2000
/** An older answer of a part is renewed for the next question. */
const renewMs = 1000
/** An older answer of a part counts no more. The question waits for the new one. */
const maxAgeMs = 5000
const endFault = 'This process is ending.'

export function createReadiness({ needs, clock }: ReadinessOptions): Readiness {
  const parts = Object.entries(needs).map(([name, need]) => {
    const ask = (withinMs: number) => need(withinMs).catch(() => false)
    // A memory each, so that a slow part does not hide that another one has gone.
    return { name, ask, recall: rememberAnswer(() => ask(timeoutMs), clock) }
  })
  const listFailing = async (isWell: (part: (typeof parts)[number]) => Promise<boolean>) => {
    const answers = await Promise.all(parts.map(async (part) => ((await isWell(part)) ? [] : [part.name])))
    return answers.flat()
  }
  let isEnding = false

  return {
    listMissing: (withinMs) => listFailing(({ ask }) => ask(withinMs)),
    findFault: async () => {
      if (isEnding) return endFault
      const missing = await listFailing(({ recall }) => recall())
      if (isEnding) return endFault
      return missing.length === 0 ? null : `Missing: ${missing.join(', ')}.`
    },
    announceEnd: () => {
      isEnding = true
    },
  }
}

/**
 * Returns a function that answers from memory where it can. A balancer may give the answer less time than a part.
 * @param ask never rejects
 */
function rememberAnswer(ask: () => Promise<boolean>, clock: () => number): () => Promise<boolean> {
  let known = false
  let knownAt = Number.NEGATIVE_INFINITY
  let asking: Promise<boolean> | undefined

  async function renew(): Promise<boolean> {
    known = await ask()
    knownAt = clock()
    asking = undefined
    return known
  }

  return async () => {
    const ageMs = Math.abs(clock() - knownAt)
    if (ageMs < renewMs) return known
    asking ??= renew()
    return ageMs < maxAgeMs ? known : asking
  }
}
