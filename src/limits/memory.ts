import type { Calendar, Periods } from './calendar.js'
import { decideCall, isCountedByDay, listQuotas, type RemainingOf, startOfSecond } from './decide.js'
import type { DayCount, Journal } from './journal.js'
import type { LimitDecision, LimitedParty, Quota } from './types.js'
import { Windows } from './windows.js'

/** Among how many replicas what remains is divided, and which of them this is, from 0 on. */
export interface Share {
  readonly replicas: number
  readonly rank: number
}

export interface MemoryCountersOptions {
  journal: Journal
  calendar: Calendar
  /** Milliseconds since the epoch. */
  clock: () => number
  /** Default: all of it. */
  share?: Share
  /** Parties beyond which those that were not called for seconds are dropped. Default 100,000. */
  maxParties?: number
}

/** Counters in this process. Where all parties are known it decides at once, else when the database has told. */
export interface MemoryCounters {
  take(parties: readonly LimitedParty[]): LimitDecision | Promise<LimitDecision>
  /** Decides at once, or not at all: null where the database must be asked before. */
  takeKnown(parties: readonly LimitedParty[]): LimitDecision | null
  look(parties: readonly LimitedParty[]): readonly Quota[] | Promise<readonly Quota[]>
  /** Drops the counters of a party, so that what is stored is read again. */
  drop(partyId: string): void
  /** Drops the days and months of all parties, because others may have changed what is stored. */
  dropStored(): void
  /** Drops the parties that nobody called for a while. A share must be kept: it would be given anew. */
  sweep(): void
}

interface Party {
  readonly seconds: Windows
  readonly days: Windows
  readonly months: Windows
  usedAt: number
}

const idleMs = 600_000
const idleWhenFullMs = 5_000
const everything: Share = { replicas: 1, rank: 0 }

export function createMemoryCounters(options: MemoryCountersOptions): MemoryCounters {
  const { journal, calendar, clock, share = everything, maxParties = 100_000 } = options
  const known = new Map<string, Party>()
  const loading = new Map<string, Promise<void>>()

  return { take, takeKnown, look, drop, dropStored, sweep }

  function take(parties: readonly LimitedParty[]): LimitDecision | Promise<LimitDecision> {
    return takeKnown(parties) ?? loadAndTake(parties)
  }

  function takeKnown(parties: readonly LimitedParty[]): LimitDecision | null {
    const now = clock()
    const periods = calendar(now)
    if (!areKnown(parties, periods)) return null
    const decision = decideCall(listQuotas(parties, periods, now, remainingOf), now)
    if (decision.kind === 'passed') count(parties, periods, now)
    return decision
  }

  async function loadAndTake(parties: readonly LimitedParty[]): Promise<LimitDecision> {
    try {
      await load(parties)
    } catch (cause) {
      return { kind: 'unavailable', cause }
    }
    return take(parties)
  }

  function look(parties: readonly LimitedParty[]): readonly Quota[] | Promise<readonly Quota[]> {
    const now = clock()
    const periods = calendar(now)
    if (!areKnown(parties, periods)) return load(parties).then(() => look(parties))
    return listQuotas(parties, periods, now, remainingOf)
  }

  function areKnown(parties: readonly LimitedParty[], periods: Periods): boolean {
    for (const party of parties) if (isCountedByDay(party) && !isKnown(party.id, periods)) return false
    return true
  }

  /** Of a window after all known ones nothing needs to be read: nobody has counted in it yet. */
  function isKnown(id: string, { dayStart, monthStart }: Periods): boolean {
    const party = known.get(id)
    return party !== undefined && has(party.days, dayStart) && has(party.months, monthStart)
  }

  function count(parties: readonly LimitedParty[], periods: Periods, now: number): void {
    for (const limited of parties) {
      const party = requireParty(limited.id)
      party.usedAt = now
      if (limited.limits.perSecond !== null) open(party.seconds, startOfSecond(now)).used += 1
      if (!isCountedByDay(limited)) continue
      open(party.days, periods.dayStart).used += 1
      open(party.months, periods.monthStart).used += 1
      journal.add(limited.id, periods.dayStart)
    }
  }

  function requireParty(id: string): Party {
    let party = known.get(id)
    if (party === undefined) {
      party = { seconds: new Windows(), days: new Windows(), months: new Windows(), usedAt: clock() }
      known.set(id, party)
    }
    return party
  }

  /** @throws StoreUnavailable */
  async function load(parties: readonly LimitedParty[]): Promise<void> {
    const periods = calendar(clock())
    const unknown = parties.filter((party) => isCountedByDay(party) && !isKnown(party.id, periods))
    await Promise.all(unknown.map(({ id }) => loadOnce(id, periods)))
  }

  function loadOnce(id: string, periods: Periods): Promise<void> {
    const running = loading.get(id)
    if (running !== undefined) return running
    const reading: Promise<void> = journal
      .read(id, periods.monthStart)
      .then((rows) => {
        // A party that was dropped meanwhile is read again.
        if (loading.get(id) === reading) keep(id, rows, periods)
      })
      .finally(() => {
        if (loading.get(id) === reading) loading.delete(id)
      })
    loading.set(id, reading)
    return reading
  }

  function keep(id: string, rows: readonly DayCount[], periods: Periods): void {
    const party = requireParty(id)
    const months = new Map<number, number>()
    let day = 0
    for (const { dayStart, used } of rows) {
      const { monthStart } = dayStart < periods.monthEnd ? periods : calendar(dayStart)
      months.set(monthStart, (months.get(monthStart) ?? 0) + used)
      if (dayStart === periods.dayStart) day = used
      // A clock that was set back: what was counted tomorrow counts when tomorrow comes again.
      else if (dayStart > periods.dayStart) party.days.open(dayStart, used)
    }
    for (const [monthStart, used] of months) party.months.open(monthStart, used)
    party.days.open(periods.dayStart, day)
    party.months.open(periods.monthStart, months.get(periods.monthStart) ?? 0)
  }

  function remainingOf(...[party, per, limit, startsAt]: Parameters<RemainingOf>): number {
    const window = known.get(party.id)?.[windowsOf[per]].find(startsAt)
    if (window === undefined) return shareOf(limit)
    return window.base + shareOf(limit - window.base) - window.used
  }

  /** The shares of all replicas together are what remains, since each rank is held once. */
  function shareOf(remaining: number): number {
    return Math.max(0, Math.ceil((remaining - share.rank) / share.replicas))
  }

  function drop(id: string): void {
    known.delete(id)
    loading.delete(id)
  }

  /** Keeps the seconds, which are not stored: an empty one would let twice as many calls pass. */
  function dropStored(): void {
    for (const [id, party] of known) known.set(id, { ...party, days: new Windows(), months: new Windows() })
    loading.clear()
  }

  function sweep(): void {
    if (share.replicas > 1) return
    const now = clock()
    const limitMs = known.size > maxParties ? idleWhenFullMs : idleMs
    for (const [id, { usedAt }] of known) if (Math.abs(now - usedAt) > limitMs) known.delete(id)
  }
}

const windowsOf = { second: 'seconds', day: 'days', month: 'months' } as const

const has = (windows: Windows, start: number) => windows.find(start) !== undefined || windows.isNew(start)
const open = (windows: Windows, start: number) => windows.find(start) ?? windows.open(start)
