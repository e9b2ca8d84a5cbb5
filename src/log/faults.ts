/** Writes a line about a fault, at the level of the fault's first line. */
export type WriteLine = (details: object, message: string) => void

export interface Fault {
  /** Equal faults have equal names. */
  readonly name: string
  /** The message of its first line. */
  readonly message: string
  /** The service behind the gateway that it is about, if it is about one. */
  readonly service?: string | undefined
  /** The id of the request that met it, asked for only when it is kept. */
  readonly requestId?: () => string | undefined
}

interface OpenFault {
  readonly message: string
  readonly service: string | undefined
  readonly since: number
  readonly write: WriteLine
  /** Occurrences since the last line. */
  repeated: number
  total: number
  lastAt: number
  requests: string[]
}

export interface FaultLogOptions {
  /** How often a fault that goes on is counted in a line. Default 10,000. */
  everyMs?: number
  /** Faults that are told apart; more of them are counted as one. Default 100. */
  maxFaults?: number
  /** Milliseconds since the epoch. Default: the system's clock. */
  clock?: () => number
}

const everySampleOf = 5
const theRest = 'other faults'

/**
 * Writes one line for a fault that many requests meet, such as a database that is away, and then counts: a line each
 * 10 s while it goes on, and one when 10 s passed without it.
 */
export class FaultLog {
  readonly #open = new Map<string, OpenFault>()
  readonly #everyMs: number
  readonly #maxFaults: number
  readonly #clock: () => number
  #timer: NodeJS.Timeout | undefined

  constructor({ everyMs = 10_000, maxFaults = 100, clock = Date.now }: FaultLogOptions = {}) {
    this.#everyMs = everyMs
    this.#maxFaults = maxFaults
    this.#clock = clock
  }

  /**
   * Notes an occurrence.
   * @param write writes the counts; that of the first occurrence is kept
   * @returns whether this is the first one, which the caller logs in full
   */
  note(fault: Fault, write: WriteLine): boolean {
    const now = this.#clock()
    const isKnown = this.#open.has(fault.name) || this.#open.size < this.#maxFaults
    const name = isKnown ? fault.name : theRest
    const open = this.#open.get(name)
    if (open === undefined) {
      const { message, service } = isKnown ? fault : { message: theRest }
      const counts = { repeated: 0, total: 1, lastAt: now, requests: [] }
      this.#open.set(name, { message, service, since: now, write, ...counts })
      this.#timer ??= setInterval(() => this.#tell(), this.#everyMs).unref()
      return true
    }
    open.repeated += 1
    open.total += 1
    open.lastAt = now
    const id = open.requests.length < everySampleOf ? fault.requestId?.() : undefined
    if (id !== undefined) open.requests.push(id)
    return false
  }

  #tell(): void {
    for (const [name, fault] of this.#open) {
      const { message, service, total, repeated, requests, write } = fault
      const times = { since: asTime(fault.since), last: asTime(fault.lastAt) }
      if (repeated > 0) {
        write({ fault: message, service, times: repeated, ...times, requests }, 'a fault goes on')
        fault.repeated = 0
        fault.requests = []
        continue
      }
      this.#open.delete(name)
      // A fault that was met once is told by its first line.
      if (total > 1) write({ fault: message, service, times: total, ...times }, 'a fault has ended')
    }
    if (this.#open.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

const asTime = (at: number) => new Date(at).toISOString()

const maxCauses = 3
const maxNameLength = 200

/** Names an error by what it is and says, without its numbers: ports and ids differ from one to the next. */
export function nameError(error: unknown): string {
  const names: string[] = []
  for (let next = error; next instanceof Error && names.length < maxCauses; next = next.cause) {
    const { code = '' } = next as NodeJS.ErrnoException
    names.push(`${next.name} ${code} ${withoutNumbers(next.message.slice(0, maxNameLength))}`)
  }
  return names.join(' < ')
}

const withoutNumbers = (text: string) => text.replace(/\d+/g, '#')

const [warn, fatal] = [40, 60]

/** As pino calls `hooks.logMethod`, with the logger as `this`. */
type LogMethod = (this: { bindings(): Record<string, unknown> }, ...line: unknown[]) => void

/**
 * Makes pino's hook that sends each warning and each error with an `err` or a `fault` through a `FaultLog`. So one place
 * holds for every room. The counts carry the request id of the first line.
 */
export const createFaultHook = (faults: FaultLog) =>
  function countFaults(
    this: { bindings(): Record<string, unknown> },
    line: unknown[],
    method: LogMethod,
    level: number,
  ): void {
    const fault = level < warn || level >= fatal ? null : readFault(line, level)
    if (fault === null) {
      method.apply(this, line)
      return
    }
    const requestId = () => {
      const { reqId } = this.bindings()
      return typeof reqId === 'string' ? reqId : undefined
    }
    const isFirst = faults.note({ ...fault, requestId }, (details, message) =>
      method.call(this, details, message),
    )
    if (isFirst) method.apply(this, line)
  }

/** @returns null for a line that tells of no error */
function readFault([details, text]: unknown[], level: number): Fault | null {
  if (typeof details !== 'object' || details === null) return null
  const { err, fault, service } = details as { err?: unknown; fault?: unknown; service?: unknown }
  const error = err ?? fault ?? details
  const isSummary = error === fault && typeof fault === 'object'
  if (!(error instanceof Error) && !isSummary) return null
  const message = typeof text === 'string' ? text : error instanceof Error ? error.name : ''
  const of = typeof service === 'string' ? service : undefined
  const named = error instanceof Error ? nameError(error) : withoutNumbers(JSON.stringify(error))
  return { name: [level, message, of, named].join('\n'), message, service: of }
}
