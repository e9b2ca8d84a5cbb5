import { setTimeout as sleep } from 'node:timers/promises'
import { StoreUnavailable } from '../store/unavailable.js'
import type { Calendar, Periods } from './calendar.js'
import { decideCall, isCountedByDay, listQuotas } from './decide.js'
import { flushEveryMsByDefault, type Journal } from './journal.js'
import { createMemoryCounters, type MemoryCounters, type Share } from './memory.js'
import { createRedisLink } from './redis-link.js'
import { openKey, partyKey, takeScript } from './redis-scripts.js'
import type { LimitDecision, LimitedParty, Quota } from './types.js'

export interface SharedCountersOptions {
  redisUrl: string
  /** What happens to calls while Redis is away: each replica goes on with its share, or they are refused. */
  whenRedisIsDown: 'local' | 'refuse'
  journal: Journal
  calendar: Calendar
  /** Milliseconds since the epoch, where Redis has not told its time yet. */
  clock: () => number
  log: { warn(details: object, message: string): void; info(message: string): void }
}

export interface SharedCounters {
  take(parties: readonly LimitedParty[]): Promise<LimitDecision>
  look(parties: readonly LimitedParty[]): Promise<readonly Quota[]>
  /**
   * Forgets what is counted of a party in Redis and here; what is stored is forgotten before.
   * @throws StoreUnavailable when Redis cannot be asked
   */
  reset(partyId: string): Promise<void>
  forget(partyId: string): void
  /** Milliseconds since the epoch, by the clock that limits go by. */
  now(): number
  close(): Promise<void>
}

/** After which what every other replica counted in Redis before it went away is stored, should it take a while. */
const storedAfterMs = 2 * flushEveryMsByDefault
/** Far more parties than are called between two restarts; those beyond are only read again. */
const maxRaised = 200_000
const attempts = 5
const awakeAfterMs = 300

/** Counters that all replicas share, in Redis; while that is away, each one's share of what remained. */
export function createSharedCounters(options: SharedCountersOptions): SharedCounters {
  const { journal, calendar, log } = options
  const raised = new Set<string>()
  const reading = new Map<string, Promise<readonly [number, number]>>()
  let ownShare: Promise<MemoryCounters | null> = Promise.resolve(null)
  let isTold = false
  const link = createRedisLink({
    url: options.redisUrl,
    clock: options.clock,
    onLeave: (share, reason) => {
      raised.clear()
      ownShare = share === null ? Promise.resolve(null) : prepareShare(share)
      tellOfOutage(share, reason)
    },
    settle: () => journal.flush(),
    onReturn: () => {
      if (isTold) log.info('Redis is back: limits are shared again, with all that was counted meanwhile')
      isTold = false
    },
  })

  return { take, look, reset, forget, now: link.now, close: link.close }

  async function take(parties: readonly LimitedParty[]): Promise<LimitDecision> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      const decision = await (link.word === null ? takeOfShare(parties) : takeShared(parties, link.word))
      if (decision !== null) return decision
    }
    return { kind: 'unavailable', cause: new Error('Redis came and went while a call was to be counted') }
  }

  async function look(parties: readonly LimitedParty[]): Promise<readonly Quota[]> {
    const { word } = link
    const told = word === null ? null : await askRedis(parties, word, false)
    if (told !== null) return told.quotas
    const counters = await ownShare
    return counters === null ? [] : counters.look(parties)
  }

  /** @returns null where Redis was left meanwhile */
  async function takeShared(parties: readonly LimitedParty[], word: string): Promise<LimitDecision | null> {
    const told = await askRedis(parties, word, true).catch((cause: unknown) => ({ cause }))
    if (told === null) return null
    if ('cause' in told) return { kind: 'unavailable', cause: told.cause }
    const decision = decideCall(told.quotas, told.now)
    if (decision.kind === 'passed') {
      for (const party of parties) if (isCountedByDay(party)) journal.add(party.id, told.periods.dayStart)
    }
    return decision
  }

  /**
   * @returns null where Redis was left meanwhile
   * @throws StoreUnavailable, where a party must be looked up first and cannot
   */
  async function askRedis(parties: readonly LimitedParty[], word: string, counts: boolean) {
    const keys = [openKey, ...parties.map(({ id }) => partyKey(id))]
    for (let attempt = 0; attempt < attempts && link.word === word; attempt++) {
      const periods = calendar(link.now())
      const words = await describeParties(parties, periods)
      const { dayStart, dayEnd, monthStart, monthEnd } = periods
      const head = [word, link.deadline(), counts ? 1 : 0, dayStart, dayEnd, monthStart, monthEnd]
      const answer = await link.run(takeScript, keys, [...head, ...words]).catch(leave)
      // Nobody believes what comes from a Redis that was left: it may be counted in a share already.
      if (answer === null || link.word !== word) return null
      const [outcome, now, ...used] = answer as [string, number, ...number[]]
      link.noteTime(now)
      if (outcome === 'closed') return leave(new Error('Redis has forgotten what it held'))
      if (outcome !== 'ok') {
        link.correctTime(now)
        continue
      }
      noteRaised(parties)
      const quotas = listQuotas(parties, periods, now, (_party, per, limit, _startsAt, at) => {
        return limit - (used[at * 3 + columnOf[per]] ?? 0)
      })
      return { now, periods, quotas }
    }
    return link.word === word ? leave(new Error('Redis answers too late')) : null
  }

  function leave(reason: unknown): null {
    link.leave(reason)
    return null
  }

  /** The limits of each, and at its first call since Redis was joined what is stored, lest Redis has forgotten it. */
  async function describeParties(parties: readonly LimitedParty[], periods: Periods): Promise<number[]> {
    const words: number[] = []
    for (const party of parties) {
      const { perSecond, perDay, perMonth } = party.limits
      const isByDay = isCountedByDay(party)
      words.push(
        perSecond ?? notCounted,
        perDay ?? (isByDay ? -1 : notCounted),
        perMonth ?? (isByDay ? -1 : notCounted),
      )
      if (!isByDay || raised.has(party.id)) words.push(-1, -1)
      else words.push(...(await readStoredOnce(party.id, periods)))
    }
    return words
  }

  /** Once for all calls that wait for it. */
  function readStoredOnce(id: string, periods: Periods): Promise<readonly [number, number]> {
    // What was counted yesterday must not be taken for today's.
    const name = `${periods.dayStart} ${id}`
    const running = reading.get(name)
    if (running !== undefined) return running
    const stored = readStored(id, periods).finally(() => reading.delete(name))
    reading.set(name, stored)
    return stored
  }

  async function readStored(
    id: string,
    { dayStart, monthStart, monthEnd }: Periods,
  ): Promise<[number, number]> {
    let [day, month] = [0, 0]
    for (const row of await journal.readStored(id, monthStart)) {
      if (row.dayStart === dayStart) day = row.used
      if (row.dayStart < monthEnd) month += row.used
    }
    return [day, month]
  }

  function noteRaised(parties: readonly LimitedParty[]): void {
    if (raised.size > maxRaised) raised.clear()
    for (const party of parties) if (isCountedByDay(party)) raised.add(party.id)
  }

  /** @returns null where Redis was joined meanwhile */
  async function takeOfShare(parties: readonly LimitedParty[]): Promise<LimitDecision | null> {
    if (link.deciding !== null) await link.deciding
    if (link.word !== null) return null
    if (options.whenRedisIsDown === 'refuse') return withoutRedis
    const counters = await ownShare
    if (counters === null) return withoutRedis
    // After a long sleep the others may have gone on without this one: it finds that out first.
    if (!link.isAwake()) await sleep(awakeAfterMs)
    try {
      // Reads what must be read; in the meantime Redis may have been joined, and nothing more may be counted here.
      await counters.look(parties)
    } catch (cause) {
      return { kind: 'unavailable', cause }
    }
    if (link.word !== null || link.deciding !== null || (await ownShare) !== counters) return null
    return link.word === null && link.deciding === null && link.isAwake() ? counters.takeKnown(parties) : null
  }

  /**
   * The counters of this replica's share, once all is stored that others had counted in Redis, and in another second
   * than those, which are not stored.
   */
  async function prepareShare(share: Share): Promise<MemoryCounters> {
    if (share.replicas > 1) await sleep(storedAfterMs, undefined, { ref: false })
    await link.nextSecond()
    return createMemoryCounters({ journal, calendar, clock: link.now, share })
  }

  function tellOfOutage(share: Share | null, err: unknown): void {
    if (isTold) return
    isTold = true
    const isRefused = options.whenRedisIsDown === 'refuse' || share === null
    log.warn(
      { err, replicas: share?.replicas },
      isRefused
        ? 'Redis is away: calls of limited keys are refused until it is back'
        : 'Redis is away: this replica goes on with its share of what remained',
    )
  }

  async function reset(partyId: string): Promise<void> {
    forget(partyId)
    // Once it is back, it would say what it said before.
    if (link.word === null) throw new StoreUnavailable(withoutRedis.cause)
    const { dayStart, monthStart } = calendar(link.now())
    const counters = [`${partyKey(partyId)}:d:${dayStart}`, `${partyKey(partyId)}:m:${monthStart}`]
    await link.forget(counters).catch((cause: unknown) => {
      throw new StoreUnavailable(cause)
    })
  }

  /** What Redis holds is told once: it would be raised again by what other replicas write late. */
  function forget(partyId: string): void {
    void ownShare.then((counters) => counters?.forget(partyId))
  }
}

const notCounted = -2
const columnOf = { second: 0, day: 1, month: 2 } as const

const withoutRedis = {
  kind: 'unavailable',
  cause: new Error('Redis, which holds the limits that replicas share, cannot be asked'),
} satisfies LimitDecision
