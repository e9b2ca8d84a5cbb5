import { Agent, type IncomingMessage, request } from 'node:http'
import type { Place } from './world.js'

/** What became of a request. `broken`: no whole answer of the service, or the balancer had nobody to ask. */
export interface Outcome {
  status: number | 'broken'
  code: string | undefined
  detail: string
  sentAt: number
  endedAt: number
}

/** The requests that are judged, and the kills that excuse some. */
export class Judge {
  answered = 0
  /** A yes that had to be a no, or the reverse. */
  readonly wrong: string[] = []
  /** Requests that were sent and not answered, outside every kill. */
  readonly cut: string[] = []
  /** The same, where a process was killed meanwhile. */
  killed = 0
  /** 503 of the service itself: it could not tell, as when the database took longer than a second on a busy machine. */
  unavailable = 0
  /** How long after its answer each end of a key was still unknown to the other replica, in ms; mostly 0. */
  readonly lateMs: number[] = []
  /** The longest time after which a value that became good was still refused, in ms. */
  knownLateMs = 0
  readonly streamEndMs: number[] = []
  limitRounds = 0
  garbage = 0
  stalledPeersEnded = 0
  readonly #kills: number[] = []
  readonly #started = Date.now()

  noteKill(): void {
    this.#kills.push(Date.now())
  }

  /** Whether a process was killed in this time, or shortly before: the balancer needs up to 3 s to learn of it. */
  isExcused(from: number, to: number): boolean {
    return this.#kills.some((at) => at > from - 4000 && at < to + 100)
  }

  /** @returns null for a request that was not answered, which is then counted */
  take(place: Place, what: string, outcome: Outcome): number | null {
    const isExcused = place.name === 'replicas' && this.isExcused(outcome.sentAt, outcome.endedAt)
    if (outcome.status === 'broken') {
      if (isExcused) this.killed += 1
      else this.cut.push(this.describe(place, what, outcome))
      return null
    }
    this.answered += 1
    if (outcome.status !== 503) return outcome.status
    this.unavailable += 1
    return null
  }

  describe(place: Place, what: string, { status, code, detail, sentAt, endedAt }: Outcome): string {
    const after = ((sentAt - this.#started) / 1000).toFixed(1)
    return `${place.name}, ${what}: ${status} ${code ?? detail} after ${after} s, in ${endedAt - sentAt} ms`
  }
}

const kept = new Agent({ keepAlive: true, maxSockets: 64 })
const fresh = new Agent({ keepAlive: false })

export const closeConnections = () => kept.destroy()

/** Sends a request on a kept or a new connection, by chance. */
export function ask(
  url: string,
  {
    method = 'GET',
    headers = {},
    body,
  }: { method?: string; headers?: Record<string, string>; body?: object } = {},
): Promise<Outcome & { json: unknown }> {
  const sentAt = Date.now()
  const text = body === undefined ? undefined : JSON.stringify(body)
  return new Promise((resolve) => {
    const finish = (status: Outcome['status'], detail: string, json: unknown = null) => {
      const code = (json as { code?: string } | null)?.code
      resolve({ status, code, detail, sentAt, endedAt: Date.now(), json })
    }
    const sent = request(url, {
      method,
      agent: Math.random() < 0.5 ? kept : fresh,
      headers: {
        ...headers,
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': String(text.length) }),
      },
    })
    sent.on('error', (error: NodeJS.ErrnoException) => finish('broken', error.code ?? error.message))
    sent.on('response', (answer) => void readAnswer(answer, finish))
    sent.end(text)
  })
}

async function readAnswer(
  answer: IncomingMessage,
  finish: (status: Outcome['status'], detail: string, json?: unknown) => void,
): Promise<void> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of answer) chunks.push(chunk)
  } catch {
    return finish('broken', 'in its answer')
  }
  const { statusCode = 0, headers } = answer
  const text = Buffer.concat(chunks).toString()
  // HAProxy's own pages say that it could not ask.
  if (headers['x-request-id'] === undefined) return finish('broken', `${statusCode} of the balancer`)
  finish(statusCode, '', headers['content-type']?.includes('json') === true ? JSON.parse(text) : null)
}
