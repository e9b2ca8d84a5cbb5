import { setTimeout as sleep } from 'node:timers/promises'
import { StoreUnavailable } from '../store/unavailable.js'
import type { Calendar } from './calendar.js'
import { flushEveryMsByDefault, type Journal } from './journal.js'
import { createMemoryCounters, type MemoryCounters, type Share } from './memory.js'
import { RedisCounters } from './redis-counters.js'
import { createRedisLink, type Joined } from './redis-link.js'
import { partyKey } from './redis-scripts.js'
import type { LimitDecision, LimitedParty, Quota } from './types.js'

export interface SharedCountersOptions {
  redisUrl: string
  /** While Redis is away, each replica lets its share of calls pass, or all limited calls are refused. */
  whenRedisIsDown: 'local' | 'refuse'
  journal: Journal
  calendar: Calendar
  /** Milliseconds since the epoch, until Redis has told its time. */
  clock: () => number
  log: { warn(details: object, message: string): void; info(message: string): void }
}

export interface SharedCounters {
  take(parties: readonly LimitedParty[]): Promise<LimitDecision>
  look(parties: readonly LimitedParty[]): Promise<readonly Quota[]>
  /**
   * Deletes the counters of a party in Redis and here. Its stored counts must be deleted before.
   * @throws StoreUnavailable when Redis does not answer
   */
  reset(partyId: string): Promise<void>
  /** Drops the counters of a party here, so that what is stored is read again. */
  drop(partyId: string): void
  /** Milliseconds since the epoch, by the clock that limits follow. */
  now(): number
  close(): Promise<void>
}

/** Within this time every other replica has stored what it counted in Redis before Redis went away. */
const storedAfterMs = 2 * flushEveryMsByDefault
const attempts = 5
const awakeAfterMs = 300

/** Counters that all replicas share in Redis. While Redis is away, each replica has its share of what remained. */
export function createSharedCounters(options: SharedCountersOptions): SharedCounters {
  const { journal, calendar, log } = options
  /** Null: this replica has no share. */
  let ownShare: Promise<MemoryCounters | null> = Promise.resolve(null)
  let isOutageLogged = false
  const link = createRedisLink({
    url: options.redisUrl,
    clock: options.clock,
    onLeave: (share, reason) => {
      redis.reset()
      ownShare = share === null ? Promise.resolve(null) : prepareShare(share)
      logOutage(share, reason)
    },
    flush: () => journal.flush(),
    onReturn: logReturn,
  })
  const redis = new RedisCounters({ link, journal, calendar })

  return { take, look, reset, drop, now: link.clock.now, close: link.close }

  async function take(parties: readonly LimitedParty[]): Promise<LimitDecision> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const { state } = link
      const decision = state.kind === 'joined' ? await takeShared(parties, state) : await takeOfShare(parties)
      if (decision !== 'left') return decision
    }
    return { kind: 'unavailable', cause: new Error('Redis came and went while a call was to be counted') }
  }

  function takeShared(parties: readonly LimitedParty[], joined: Joined): Promise<LimitDecision | 'left'> {
    return redis.take(parties, joined).catch(asUnavailable)
  }

  async function look(parties: readonly LimitedParty[]): Promise<readonly Quota[]> {
    const { state } = link
    const quotas = state.kind === 'joined' ? await redis.look(parties, state) : 'left'
    if (quotas !== 'left') return quotas
    const counters = await ownShare
    return counters === null ? [] : counters.look(parties)
  }

  /** Takes a call of this replica's share, once it is decided that Redis is away. */
  async function takeOfShare(parties: readonly LimitedParty[]): Promise<LimitDecision | 'left'> {
    const { state } = link
    if ('decided' in state) await state.decided
    const away = link.state
    if (away.kind !== 'away' && away.kind !== 'closed') return 'left'
    if (options.whenRedisIsDown === 'refuse') return withoutRedis
    const counters = await ownShare
    if (counters === null) return withoutRedis
    // After a long sleep the other replicas may have given up on this one, which it finds out first.
    if (!link.isAwake()) await sleep(awakeAfterMs)
    try {
      // Reads what must be read. Meanwhile Redis may be joined, and then nothing more may be counted here.
      await counters.look(parties)
    } catch (cause) {
      return asUnavailable(cause)
    }
    if ((await ownShare) !== counters) return 'left'
    return link.state === away && link.isAwake() ? (counters.takeKnown(parties) ?? 'left') : 'left'
  }

  /**
   * Prepares the counters of a share, once the other replicas have stored what they counted in Redis. They begin with
   * the next second, because seconds are not stored.
   */
  async function prepareShare(share: Share): Promise<MemoryCounters> {
    if (share.replicas > 1) await sleep(storedAfterMs, undefined, { ref: false })
    await link.nextSecond()
    return createMemoryCounters({ journal, calendar, clock: link.clock.now, share })
  }

  function logOutage(share: Share | null, err: unknown): void {
    if (isOutageLogged) return
    isOutageLogged = true
    const isRefused = options.whenRedisIsDown === 'refuse' || share === null
    log.warn(
      { err, replicas: share?.replicas },
      isRefused
        ? 'Redis is away: calls of limited keys are refused until it is back'
        : 'Redis is away: this replica goes on with its share of what remained',
    )
  }

  function logReturn(): void {
    if (isOutageLogged)
      log.info('Redis is back: limits are shared again, with all that was counted meanwhile')
    isOutageLogged = false
  }

  async function reset(partyId: string): Promise<void> {
    drop(partyId)
    // Redis would still hold the old counts when it is back.
    if (link.state.kind !== 'joined') throw new StoreUnavailable(withoutRedis.cause)
    const { dayStart, monthStart } = calendar(link.clock.now())
    const counters = [`${partyKey(partyId)}:d:${dayStart}`, `${partyKey(partyId)}:m:${monthStart}`]
    await link.delete(counters).catch((cause: unknown) => {
      throw new StoreUnavailable(cause)
    })
  }

  /** Redis is not seeded again: the other replicas may still store counts of before a reset. */
  function drop(partyId: string): void {
    void ownShare.then((counters) => counters?.drop(partyId))
  }
}

const withoutRedis = {
  kind: 'unavailable',
  cause: new Error('Redis, which holds the limits that replicas share, cannot be asked'),
} satisfies LimitDecision

const asUnavailable = (cause: unknown): LimitDecision => ({ kind: 'unavailable', cause })
