import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { withinPatience } from '../patience.js'
import type { Availability } from './availability.js'
import { type Change, channel, type Notices, readPayload } from './notices.js'
import { readMember } from './unavailable.js'

export interface ListenerOptions {
  /** A new client, not connected, of nobody else. */
  createClient: () => pg.Client
  /** Is told whether the database answers. */
  availability: Availability
  /** Hears of the loss of the connection and of its return. */
  log?: ((message: string, details: { error: unknown }) => void) | undefined
}

export interface Listener extends Notices {
  /** Ends at once, whatever the server does. */
  close(): void
}

/** How often the server is asked whether it is there. */
const pulseEveryMs = 200
/** How long a living server may take for that; with the pulse before it, less than a second. */
const pulsePatienceMs = 600
/** For all it takes to connect and to listen. */
const connectPatienceMs = 900
/** Short, since nothing is asked until an attempt succeeds; one that is refused costs next to nothing. */
const retryAfterMs = 100

/**
 * PostgreSQL's refusals that only a living server gives: no place for one more client, while the pool may well have
 * its connections; and no listening on a standby, which still tells who holds which key.
 */
const livingCodes: unknown[] = ['53300', '25006']

/** A connection that listens, and what became of it. */
interface Connection {
  client: pg.Client
  broken: AbortSignal
}

/**
 * Hears what other replicas notify, on a connection of its own, for ever: a lost one is replaced. The same
 * connection feels the pulse of the database: an answer proves that all that was announced before the question has
 * been heard, and its absence that the database does not answer.
 * @returns after the first attempt, whether it succeeded or not
 */
export async function startListener(options: ListenerOptions): Promise<Listener> {
  const { createClient, availability, log } = options
  const listeners = new Set<(change: Change) => void>()
  const closing = new AbortController()
  let epoch = 0
  let provenAt = Number.NEGATIVE_INFINITY
  let lost: { at: number; reason: unknown } | undefined
  let latestClient: pg.Client | undefined

  void keepConnected(await connect())

  return {
    get epoch() {
      return epoch
    },
    silentForMs: () => performance.now() - provenAt,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close() {
      closing.abort()
      if (latestClient !== undefined) destroy(latestClient)
    },
  }

  async function keepConnected(first: Connection | undefined): Promise<void> {
    let connection = first
    while (!closing.signal.aborted) {
      if (connection === undefined) await pause(retryAfterMs, closing.signal)
      // The first attempt after a loss comes at once: the server may only have ended this one connection.
      else await beat(connection).catch(noteLoss)
      if (!closing.signal.aborted) connection = await connect()
    }
  }

  async function connect(): Promise<Connection | undefined> {
    const client = createClient()
    latestClient = client
    const broken = new AbortController()
    client.on('error', (error) => broken.abort(error))
    client.on('end', () => broken.abort(new Error('The server closed the connection')))
    client.on('notification', ({ payload = '' }) => notifyListeners(payload))
    const askedAt = performance.now()
    try {
      await withinPatience(listen(client), connectPatienceMs, () => new NoAnswer(connectPatienceMs))
    } catch (error) {
      destroy(client)
      noteFailure(error)
      return undefined
    }
    noteReturn(askedAt)
    return { client, broken: broken.signal }
  }

  /** @throws what ended the connection */
  async function beat({ client, broken }: Connection): Promise<never> {
    for (;;) {
      await pause(pulseEveryMs, broken)
      broken.throwIfAborted()
      const askedAt = performance.now()
      try {
        await withinPatience(client.query('SELECT 1'), pulsePatienceMs, () => new NoAnswer(pulsePatienceMs))
      } catch (error) {
        destroy(client)
        if (error instanceof NoAnswer) availability.noteSilence(error)
        throw error
      }
      provenAt = askedAt
    }
  }

  function noteReturn(askedAt: number) {
    // Whatever was announced until now went unheard.
    epoch += 1
    provenAt = askedAt
    availability.noteAnswer()
    if (lost === undefined) return
    const seconds = ((performance.now() - lost.at) / 1000).toFixed(1)
    log?.(`The database is heard again, after ${seconds} s of`, { error: lost.reason })
    lost = undefined
  }

  function noteFailure(error: unknown) {
    if (closing.signal.aborted) return
    noteLoss(error)
    if (livingCodes.includes(readMember(error, 'code'))) availability.noteAnswer()
    else availability.noteSilence(error)
  }

  function noteLoss(reason: unknown) {
    if (lost !== undefined || closing.signal.aborted) return
    lost = { at: performance.now(), reason }
    log?.('The database connection that hears of changes is lost', { error: reason })
  }

  function notifyListeners(payload: string) {
    const change = readPayload(payload)
    if (change !== null) for (const listener of listeners) listener(change)
  }
}

async function listen(client: pg.Client): Promise<void> {
  await client.connect()
  await client.query(`LISTEN ${channel}`)
  // Missing in its types. A process that has nothing else to do may end.
  const socket = client as pg.Client & { unref(): void }
  socket.unref()
}

/** Not `end`, which waits for the server. */
function destroy(client: pg.Client): void {
  client.connection.stream.destroy()
}

async function pause(ms: number, until: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { ref: false, signal: until }).catch(() => {})
}

class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
  constructor(limitMs: number) {
    super(`No answer within ${limitMs} ms`)
  }
}
