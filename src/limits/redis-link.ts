import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { startOfSecond } from './decide.js'
import type { Share } from './memory.js'
import { beatScript, openKey, openScript, replicasKey, runScript, type Script } from './redis-scripts.js'

export interface RedisLinkOptions {
  url: string
  /** Milliseconds since the epoch, until Redis tells its time. */
  clock: () => number
  /**
   * Redis is left: what remains is divided from now on.
   * @param share null: the others do not know of this replica, or not any more, so that it has none
   */
  onLeave: (share: Share | null, reason: unknown) => void
  /** Stores all that was counted here; until it is done, and after it, nothing is counted here. */
  settle: () => Promise<void>
  onReturn: () => void
}

/** Redis and the replicas that share it. */
export interface RedisLink {
  /** The word that replicas agreed on; null while this one counts alone. */
  readonly word: string | null
  /** Resolves when it is decided who counts; null: it is. */
  readonly deciding: Promise<void> | null
  /** Milliseconds since the epoch, by the clock of Redis. */
  now(): number
  /** By when an answer is awaited, by the clock of Redis. */
  deadline(): number
  /** An answer was made then: the closest one known tells the time, since answers only ever come late. */
  noteTime(redisNow: number): void
  /** What is believed of the time has led to a refusal. */
  correctTime(redisNow: number): void
  run(script: Script, keys: readonly string[], words: readonly (string | number)[]): Promise<unknown>
  /** Deletes keys. @throws when Redis does not answer */
  forget(keys: readonly string[]): Promise<void>
  /** Calls go on without Redis, until it has been joined again. */
  leave(reason: unknown): void
  /** Whether this process was not stopped so long that others may take it for dead. */
  isAwake(): boolean
  /** Resolves in a second in which nothing that is done now was counted: of two who count, each then has its own. */
  nextSecond(): Promise<void>
  close(): Promise<void>
}

interface Member {
  readonly id: string
  readonly seenAt: number
  readonly isReady: boolean
}

const patienceMs = 500
const beatEveryMs = 250
const lookOutEveryMs = 50
const reconnectAfterMs = 200
/** In which every other replica has heard of a new one. */
const introductionMs = 4 * beatEveryMs
/** How long a silent replica keeps its share. */
const rememberedMs = 10_000
/** How long a return waits for the replicas that were there before. */
const awaitOthersMs = 3_000
const awakeMs = 2_000
/** In which a process that slept finds out whether Redis is back. */
const wakingMs = 500
const trustTimeMs = 10_000
const firstJoinMs = 2_000

/**
 * Keeps the connection and the roll of replicas. Nobody counts in Redis before all who counted by themselves have stored
 * what they counted and have stopped, so that what Redis is then told to hold is all there is.
 */
export function createRedisLink(options: RedisLinkOptions): RedisLink {
  const id = randomUUID()
  const redis = new Redis(options.url, {
    connectTimeout: 2 * patienceMs,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => reconnectAfterMs,
    connectionName: 'latchkey',
  })
  let word: string | null = null
  // Who calls at the start waits until Redis has been joined for the first time, if it is there.
  const { promise: firstTry, resolve: endFirstTry } = createPromise()
  let deciding: Promise<void> | null = firstTry
  const firstTimer = setTimeout(giveUpFirstTry, firstJoinMs).unref()
  let timeOffsetMs: number | undefined
  let timeNotedAt = 0
  let others: readonly string[] = []
  let joinedAt: number | undefined
  let beatAt = performance.now()
  let wokeAt = Number.NEGATIVE_INFINITY
  /** When Redis, and so every other replica, last heard of this one. */
  let heardAt = Number.NEGATIVE_INFINITY
  let isClosing = false

  // The reason is in the errors of commands; without a listener it would end the process.
  redis.on('error', () => {})
  redis.on('close', () => leave(new Error('The connection to Redis is closed')))
  const beating = beatForever()

  return {
    get word() {
      return word
    },
    get deciding() {
      return deciding
    },
    now,
    deadline: () => now() + patienceMs,
    noteTime,
    correctTime,
    run,
    forget: async (keys) => void (await withinPatience(redis.del(...keys))),
    leave,
    isAwake: () => performance.now() - beatAt < awakeMs && performance.now() - wokeAt > wakingMs,
    nextSecond,
    close,
  }

  function run(
    script: Script,
    keys: readonly string[],
    words: readonly (string | number)[],
  ): Promise<unknown> {
    return withinPatience(runScript(redis, script, keys, words))
  }

  function now(): number {
    return timeOffsetMs === undefined ? options.clock() : Math.floor(performance.now() + timeOffsetMs)
  }

  function noteTime(redisNow: number): void {
    const offsetMs = redisNow - performance.now()
    // Anew from time to time: that clock may be set back, or go slower than this one.
    const isOld = performance.now() - timeNotedAt > trustTimeMs
    if (timeOffsetMs === undefined || offsetMs > timeOffsetMs || isOld) correctTime(redisNow)
  }

  function correctTime(redisNow: number): void {
    timeNotedAt = performance.now()
    timeOffsetMs = redisNow - timeNotedAt
  }

  async function beatForever(): Promise<void> {
    while (!isClosing) {
      noteAwake()
      if (redis.status === 'ready') {
        if (word !== null) await beat('ready').then(noteOthers, leave)
        else await rejoin().catch(() => {})
      }
      if (!isClosing) await sleep(word === null ? lookOutEveryMs : beatEveryMs, undefined, { ref: false })
    }
  }

  function noteAwake(): void {
    const at = performance.now()
    if (at - beatAt > awakeMs) wokeAt = at
    beatAt = at
  }

  async function nextSecond(): Promise<void> {
    const end = startOfSecond(now()) + 1000
    // A timer may be a little early.
    for (let left = end - now(); left > 0; left = end - now()) await sleep(left, undefined, { ref: false })
  }

  function noteOthers(members: readonly Member[]): void {
    others = members.map((member) => member.id).filter((other) => other !== id)
  }

  /** @throws when Redis does not answer */
  async function beat(state: 'ready' | 'away'): Promise<Member[]> {
    noteAwake()
    const askedAt = performance.now()
    const words = [id, now() + patienceMs, state, rememberedMs, word ?? '']
    const answer = await run(beatScript, [replicasKey, openKey], words)
    const [outcome, redisNow, ...entries] = answer as [string, number, ...string[]]
    noteTime(redisNow)
    // Who does not call would else be taken for one that has stored what it counted there.
    if (outcome === 'closed') throw new Error('Redis has forgotten what it held')
    if (outcome !== 'ok') {
      correctTime(redisNow)
      throw new Error('Redis answered too late')
    }
    heardAt = askedAt
    return readMembers(entries)
  }

  async function rejoin(): Promise<void> {
    const [seconds, micros] = await withinPatience(redis.time())
    correctTime(Number(seconds) * 1000 + Math.floor(Number(micros) / 1000))
    const returnedAt = now()
    await beat('away')
    const { promise, resolve: decide } = createPromise()
    deciding = promise
    let isReady = false
    try {
      await options.settle()
      isReady = true
      await awaitOthers(returnedAt)
      // Stored are days alone: of this second, each may have let its share pass.
      if (joinedAt !== undefined || others.length > 0) await nextSecond()
      const agreed = (await run(openScript, [openKey], [randomUUID()])) as string
      if (isClosing) return
      word = agreed
      joinedAt ??= performance.now()
      options.onReturn()
    } catch (error) {
      // The others may have gone on to count in Redis: a share of before is nobody's any more.
      if (isReady) options.onLeave(null, error)
      throw error
    } finally {
      deciding = null
      decide()
      endFirstTry()
    }
  }

  function giveUpFirstTry(): void {
    if (deciding === firstTry) deciding = null
    endFirstTry()
    if (joinedAt === undefined && !isClosing) options.onLeave(null, new Error('Redis could not be reached'))
  }

  /** Until every replica that was there before has stored what it counted, or is gone. */
  async function awaitOthers(returnedAt: number): Promise<void> {
    const startedAt = performance.now()
    const expected = others
    for (;;) {
      const members = await beat('ready')
      const isWaiting = [...new Set([...expected, ...members.map((member) => member.id)])].some((other) => {
        const member = members.find((one) => one.id === other)
        return other !== id && !(member?.isReady === true && member.seenAt >= returnedAt)
      })
      if (!isWaiting || performance.now() - startedAt > awaitOthersMs) return noteOthers(members)
      await sleep(50, undefined, { ref: false })
    }
  }

  function leave(reason: unknown): void {
    if (word === null || isClosing) return
    word = null
    const at = performance.now()
    const isKnown =
      joinedAt !== undefined && at - joinedAt > introductionMs && at - heardAt < rememberedMs / 2
    const rank = others.filter((other) => other < id).length
    options.onLeave(isKnown ? { replicas: others.length + 1, rank } : null, reason)
    // What is under way must not be believed when it comes.
    redis.disconnect(true)
  }

  async function close(): Promise<void> {
    isClosing = true
    word = null
    clearTimeout(firstTimer)
    if (redis.status === 'ready') await withinPatience(redis.hdel(replicasKey, id)).catch(() => {})
    redis.disconnect()
    await beating
  }
}

function createPromise(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** @throws when the answer takes longer */
function withinPatience<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // When this process was busy, the timer is late and the answer may be here, unread: it is read before the verdict.
    const judge = () => setImmediate(() => reject(new Error(`Redis did not answer within ${patienceMs} ms`)))
    const timer = setTimeout(judge, patienceMs).unref()
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

function readMembers(entries: readonly string[]): Member[] {
  const members: Member[] = []
  for (let at = 0; at + 1 < entries.length; at += 2) {
    const [seenAt, state] = (entries[at + 1] ?? '').split(' ')
    members.push({ id: entries[at] ?? '', seenAt: Number(seenAt), isReady: state === 'ready' })
  }
  return members
}
