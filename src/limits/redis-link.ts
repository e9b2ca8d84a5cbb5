import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { startOfSecond } from './decide.js'
import type { Share } from './memory.js'
import { RedisClock } from './redis-clock.js'
import { connectRedis } from './redis-connection.js'
import { epochKey, epochScript, type Script } from './redis-scripts.js'
import { beatEveryMs, Replicas } from './replicas.js'
import { Wakefulness } from './wakefulness.js'

/**
 * Where calls are counted now.
 *
 *     connecting ──▶ joining ──▶ joined ──▶ away ──▶ joining …
 *          │            │                    ▲
 *          └────────────┴────────────────────┘        each ──▶ closed
 */
export type LinkState =
  /** Redis was not reached yet. Calls wait a moment, because it may be there. */
  | { readonly kind: 'connecting'; readonly decided: Promise<void> }
  /** Redis answers, and the replicas store what they counted by themselves. Calls wait until one of them may count. */
  | { readonly kind: 'joining'; readonly decided: Promise<void> }
  /** Calls are counted in Redis. The epoch is the id of its counters, which a Redis that was emptied has lost. */
  | { readonly kind: 'joined'; readonly epoch: string }
  /** Each replica counts its share by itself. */
  | { readonly kind: 'away' }
  | { readonly kind: 'closed' }

export type Joined = Extract<LinkState, { kind: 'joined' }>

export interface RedisLinkOptions {
  url: string
  /** Milliseconds since the epoch. Used until Redis has answered with its time. */
  clock: () => number
  /**
   * Called when calls are no longer counted in Redis.
   * @param share what this replica may let pass by itself; null: nothing, because the others do not know of it
   */
  onLeave: (share: Share | null, reason: unknown) => void
  /** Stores all that was counted here. Nothing is counted here while it runs, and after it. */
  flush: () => Promise<void>
  onReturn: () => void
}

/** The connection to Redis, and the agreement of the replicas that share it. */
export interface RedisLink {
  /** Each transition makes a new object. The same object means that nothing has changed meanwhile. */
  readonly state: LinkState
  readonly clock: RedisClock
  run(script: Script, keys: readonly string[], words: readonly (string | number)[]): Promise<unknown>
  /** Deletes keys. @throws when Redis does not answer in time */
  delete(keys: readonly string[]): Promise<void>
  /** Counts calls here until Redis is joined again. Has no effect when Redis was left already. */
  leave(reason: unknown): void
  /** Whether this process ran all the time, so that the other replicas cannot have given up on it. */
  isAwake(): boolean
  /** Resolves in the next second, in which neither Redis nor this replica has counted anything yet. */
  nextSecond(): Promise<void>
  close(): Promise<void>
}

const lookOutEveryMs = 50
const firstTryMs = 2_000

/**
 * Connects to Redis and keeps to one rule: no replica counts in Redis before all that counted by themselves have stored
 * their counts and stopped. Redis can then be seeded with what is stored.
 */
export function createRedisLink(options: RedisLinkOptions): RedisLink {
  const connection = connectRedis(options.url, leave)
  const clock = new RedisClock(options.clock)
  const wakefulness = new Wakefulness()
  const replicas = new Replicas(connection, clock, wakefulness)
  let state: LinkState & Partial<Decision> = { kind: 'connecting', ...openDecision() }
  const firstTry = setTimeout(giveUpConnecting, firstTryMs).unref()
  const keeping = keepInTouch()

  return {
    get state() {
      return state
    },
    clock,
    run: connection.run,
    delete: connection.delete,
    leave,
    isAwake: () => wakefulness.isAwake(),
    nextSecond,
    close,
  }

  /** Changes the state. Every transition below comes here, and closed is the last of them. */
  function enter(next: LinkState & Partial<Decision>): void {
    const { decide } = state
    state = next
    if (decide !== next.decide) decide?.()
  }

  function is(kind: LinkState['kind']): boolean {
    return state.kind === kind
  }

  // connecting → away
  function giveUpConnecting(): void {
    if (!is('connecting')) return
    enter({ kind: 'away' })
    options.onLeave(null, new Error('Redis could not be reached'))
  }

  // connecting, away → joining
  function startJoining(): void {
    if (state.kind === 'connecting') enter({ ...state, kind: 'joining' })
    else if (state.kind === 'away') enter({ kind: 'joining', ...openDecision() })
  }

  // joining → joined
  function completeJoining(epoch: string): void {
    if (!is('joining')) return
    enter({ kind: 'joined', epoch })
    replicas.noteIntroduced()
    options.onReturn()
  }

  // joining → away
  function abandonJoining(reason: unknown, { keepsShare }: { keepsShare: boolean }): void {
    if (!is('joining')) return
    if (!keepsShare) options.onLeave(null, reason)
    enter({ kind: 'away' })
  }

  // joined → away
  function leave(reason: unknown): void {
    if (!is('joined')) return
    enter({ kind: 'away' })
    options.onLeave(replicas.findShare(), reason)
    connection.reconnect()
  }

  // any → closed
  async function close(): Promise<void> {
    enter({ kind: 'closed' })
    clearTimeout(firstTry)
    if (connection.isReady()) await replicas.signOff().catch(() => {})
    connection.close()
    await keeping
  }

  async function keepInTouch(): Promise<void> {
    while (!is('closed')) {
      wakefulness.note()
      if (connection.isReady()) await (state.kind === 'joined' ? stay(state) : join().catch(() => {}))
      if (!is('closed')) await sleep(is('joined') ? beatEveryMs : lookOutEveryMs, undefined, { ref: false })
    }
  }

  async function stay({ epoch }: Joined): Promise<void> {
    try {
      replicas.noteOthers(await replicas.beat('ready', epoch))
    } catch (error) {
      leave(error)
    }
  }

  /** @throws when Redis does not answer in time to the first questions, which change nothing */
  async function join(): Promise<void> {
    clock.set(await connection.readTime())
    const since = clock.now()
    await replicas.beat('away', null)
    startJoining()
    try {
      await options.flush()
    } catch (error) {
      // The others still wait for this replica, so that it may go on with its share.
      return abandonJoining(error, { keepsShare: replicas.isIntroduced })
    }
    try {
      completeJoining(await agreeOnEpoch(since))
    } catch (error) {
      // The others may count in Redis by now, and with them what was left of the share.
      abandonJoining(error, { keepsShare: false })
    }
  }

  /** @throws when Redis does not answer in time */
  async function agreeOnEpoch(since: number): Promise<string> {
    await replicas.awaitOthers(since)
    // Only days are stored. Of this second each replica may have let its share pass.
    if (replicas.isIntroduced || replicas.hasOthers) await nextSecond()
    // The script answers with a string.
    return (await connection.run(epochScript, [epochKey], [randomUUID()])) as string
  }

  async function nextSecond(): Promise<void> {
    const end = startOfSecond(clock.now()) + 1000
    // A timer may fire a little early.
    for (let left = end - clock.now(); left > 0; left = end - clock.now()) {
      await sleep(left, undefined, { ref: false })
    }
  }
}

/** A promise for the calls that wait, and what resolves it. */
interface Decision {
  readonly decided: Promise<void>
  readonly decide: () => void
}

function openDecision(): Decision {
  let decide = () => {}
  const decided = new Promise<void>((resolve) => {
    decide = resolve
  })
  return { decided, decide }
}
