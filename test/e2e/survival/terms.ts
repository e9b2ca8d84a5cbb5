import { randomInt } from 'node:crypto'
import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { askUntilTold } from '../journeys/people.js'
import type { Home } from './homes.js'

export interface TermOutcome {
  terms: number
  /** Checks answered whole, with 200. */
  answered: number
  /** What was sent and cut: an answer that came in part. */
  cut: string[]
  /** Any whole answer that was not 200. */
  refused: number[]
  /**
   * Requests on a connection that was closed before the service had read them, without a byte of an answer. HTTP lets
   * either side close a connection between two requests (RFC 9112 §9.5), and a request may be on its way at that
   * moment. That none of them was served after all is what the counts show: they would be higher than the answers.
   */
  unread: number
  /**
   * The same, where the client needed half a second for a request, as on a busy machine. The service does not wait longer
   * for a request that would tell it that the connection is in use, so these are not judged.
   */
  late: number
  /** By key: the calls that its owner is shown after the restart, beside the answers that its client had. */
  counts: { counted: number; answered: number }[]
  /** From the signal to the end of the process. */
  endMs: number[]
}

const connections = 16
/** For which the service keeps a connection after the signal, to tell it with the next answer that it ends. */
const lastAnswerMs = 500
const patienceMs = 30_000

interface Client {
  value: string
  id: string
  answered: number
}

/** Asks the service to end (SIGTERM) again and again under a load of checks, each time on kept connections. */
export async function termService(home: Home, terms: number): Promise<TermOutcome> {
  const outcome: TermOutcome = {
    terms,
    answered: 0,
    cut: [],
    refused: [],
    unread: 0,
    late: 0,
    counts: [],
    endMs: [],
  }
  let service = await home.start()
  try {
    const clients: Client[] = []
    while (clients.length < connections) clients.push(await makeClient(home))
    for (let term = 0; term < terms; term += 1) {
      const loads = clients.map((client) => checkUntilAway(home, client, outcome))
      await waitUntilAllAnswered(clients, term)
      await delay(randomInt(50, 1_000))
      const begun = performance.now()
      // Throws unless it ends by itself with 0.
      await service.stop()
      outcome.endMs.push(performance.now() - begun)
      await Promise.all(loads)
      service = await home.start()
    }
    outcome.counts = await Promise.all(clients.map((client) => readCounts(home, client)))
    outcome.answered = clients.reduce((sum, { answered }) => sum + answered, 0)
    return outcome
  } finally {
    await service.kill()
  }
}

async function makeClient(home: Home): Promise<Client> {
  const { status, body } = await askUntilTold(`${home.url}/api-keys`, {
    method: 'POST',
    headers: { ...(await home.findHeaders()), 'content-type': 'application/json' },
    body: JSON.stringify({ name: `Term ${crypto.randomUUID()}` }),
  })
  if (status !== 201) throw new Error(`No key was made (${status})`)
  // The answer of a creation, as the contract fixes it.
  const { id, value } = body as { id: string; value: string }
  return { id, value, answered: 0 }
}

/** A connection that the service has not even accepted yet is not a kept one. */
async function waitUntilAllAnswered(clients: readonly Client[], term: number): Promise<void> {
  const before = clients.map(({ answered }) => answered)
  const deadline = Date.now() + patienceMs
  while (clients.some(({ answered }, at) => answered === before[at])) {
    if (Date.now() >= deadline) throw new Error(`Some client has no answer before term ${term + 1}`)
    await delay(10)
  }
}

/** One request after another on one kept connection, and on a new one when that was closed, until nobody listens. */
async function checkUntilAway(home: Home, client: Client, outcome: TermOutcome): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  let [sentAt, sentBeforeAt] = [performance.now(), performance.now()]
  try {
    for (;;) {
      ;[sentAt, sentBeforeAt] = [performance.now(), sentAt]
      const ending = await check(home, client.value, agent)
      if (ending.kind === 'away') return
      const isLate = performance.now() - sentBeforeAt >= lastAnswerMs
      if (ending.kind === 'unread') outcome[isLate ? 'late' : 'unread'] += 1
      else if (ending.kind === 'cut') outcome.cut.push(ending.how)
      else if (ending.status === 200) client.answered += 1
      else outcome.refused.push(ending.status)
    }
  } finally {
    agent.destroy()
  }
}

type Ending =
  | { kind: 'whole'; status: number }
  | { kind: 'cut'; how: string }
  | { kind: 'unread' }
  | { kind: 'away' }

function check(home: Home, value: string, agent: Agent): Promise<Ending> {
  return new Promise((resolve) => {
    const asking = request(`${home.url}/catalog/collections`, { agent, headers: { 'x-api-key': value } })
    let readBefore = 0
    asking.on('socket', ({ bytesRead }) => {
      readBefore = bytesRead
    })
    asking.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') return resolve({ kind: 'away' })
      const readBytes = (asking.socket?.bytesRead ?? 0) - readBefore
      resolve(
        readBytes === 0 ? { kind: 'unread' } : { kind: 'cut', how: `${error.message}, after ${readBytes} B` },
      )
    })
    asking.on('response', (response) => readWhole(response, resolve))
    asking.end()
  })
}

function readWhole(response: IncomingMessage, resolve: (ending: Ending) => void): void {
  response.resume()
  response.on('error', (error) => resolve({ kind: 'cut', how: error.message }))
  response.on('close', () =>
    resolve(
      response.complete
        ? { kind: 'whole', status: response.statusCode ?? 0 }
        : { kind: 'cut', how: 'the end of the body is missing' },
    ),
  )
}

async function readCounts(
  home: Home,
  { id, answered }: Client,
): Promise<{ counted: number; answered: number }> {
  const { body } = await askUntilTold(`${home.url}/api-keys/${id}`, { headers: await home.findHeaders() })
  // A key as the contract fixes it.
  const { usage } = body as { usage: { total: number } }
  return { counted: usage.total, answered }
}
