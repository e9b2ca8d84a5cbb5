import type { Periods } from './calendar.js'
import { decideCall, isCountedByDay, listQuotas } from './decide.js'
import type { Joined } from './redis-link.js'
import { notCounted, partyKey, seededBefore, unlimited } from './redis-scripts.js'
import type { Seeds, StoredUse } from './seeding.js'
import type { LimitDecision, LimitedParty, Limits, Quota } from './types.js'

/** Why there is no answer: Redis was left meanwhile, or it has to be asked again. */
export type NoAnswer = 'left' | 'again'

/** What becomes of a call: it is counted and decided, or it only reads what remains. */
export type Call =
  | { readonly kind: 'take'; readonly settle: (decision: LimitDecision | NoAnswer) => void }
  | { readonly kind: 'look'; readonly settle: (quotas: readonly Quota[] | NoAnswer) => void }

/** A party of the batch, which all of its calls share. */
interface Member {
  /** Its place in the list, from 1 on. */
  readonly place: number
  readonly id: string
  readonly limits: Limits
  stored: StoredUse | null
  /** What is counted by second, day and month: before the first call, then before the call that is being decided. */
  readonly used: [number, number, number]
  /** The last group of calls that this party is in. */
  lastGroup: Group | null
}

/** Equal calls, without a call of one of their parties in between. */
interface Group {
  readonly members: readonly Member[]
  times: number
}

interface Waiting {
  readonly call: Call
  readonly parties: readonly LimitedParty[]
  readonly members: readonly Member[]
}

// They bound the time for which the script blocks Redis, and the arguments of its `unpack`.
const maxMembers = 256
const maxGroups = 1024

/** The calls of one turn of the event loop. One script counts them in their order. */
export class RedisBatch {
  /** The state in which all calls of the batch came. */
  readonly joined: Joined
  readonly periods: Periods
  readonly #members = new Map<string, Member>()
  readonly #groups: Group[] = []
  readonly #waiting: Waiting[] = []

  constructor(joined: Joined, periods: Periods) {
    this.joined = joined
    this.periods = periods
  }

  /** Whether this batch has room for the parties, and holds no other limits of one of them. */
  admits(parties: readonly LimitedParty[]): boolean {
    if (this.#members.size + parties.length > maxMembers || this.#groups.length >= maxGroups) return false
    return parties.every(({ id, limits }) => {
      const known = this.#members.get(id)?.limits
      return known === undefined || areEqual(known, limits)
    })
  }

  /** @param seeds what is stored of each party; null: Redis was seeded with all of them */
  add(call: Call, parties: readonly LimitedParty[], seeds: Seeds | null): void {
    const members = parties.map((party, at) => this.#requireMember(party, seeds?.[at] ?? null))
    this.#waiting.push({ call, parties, members })
    if (call.kind === 'take') this.#group(members)
  }

  /** The keys of the script, after the epoch's. */
  keys(): string[] {
    return Array.from(this.#members.keys(), partyKey)
  }

  /** The parties of which the script now holds at least what is stored. */
  *seeded(): Iterable<string> {
    for (const [id, member] of this.#members) if (isCountedByDay(member)) yield id
  }

  /** The parties and the calls, as the script reads them. */
  words(): number[] {
    const words: number[] = []
    for (const member of this.#members.values()) {
      const { limits, stored } = member
      const day = isCountedByDay(member) ? unlimited : notCounted
      words.push(limits.perSecond ?? notCounted, limits.perDay ?? day, limits.perMonth ?? day)
      words.push(stored?.day ?? seededBefore, stored?.month ?? seededBefore)
    }
    for (const { members, times } of this.#groups) {
      words.push(times, members.length)
      for (const { place } of members) words.push(place)
    }
    return words
  }

  /** Ends every call without an answer. */
  settleAll(reason: NoAnswer): void {
    for (const { call } of this.#waiting) call.settle(reason)
  }

  /**
   * Decides every call in its order, as the script did.
   * @param used what was counted by second, day and month of each party before the first call
   */
  decideAll(used: readonly number[], now: number, onPassed: (party: LimitedParty) => void): void {
    let at = 0
    for (const member of this.#members.values()) {
      for (const column of [0, 1, 2] as const) member.used[column] = used[at++] ?? 0
    }
    for (const { call, parties, members } of this.#waiting) {
      const quotas = listQuotas(parties, this.periods, now, (_party, per, limit, _startsAt, of) => {
        return limit - (members[of]?.used[columnOf[per]] ?? 0)
      })
      if (call.kind === 'look') {
        call.settle(quotas)
        continue
      }
      const decision = decideCall(quotas, now)
      if (decision.kind === 'passed') {
        for (const { used: count } of members) for (const column of [0, 1, 2] as const) count[column] += 1
        parties.forEach(onPassed)
      }
      call.settle(decision)
    }
  }

  #requireMember({ id, limits }: LimitedParty, stored: StoredUse | null): Member {
    let member = this.#members.get(id)
    if (member === undefined) {
      const place = this.#members.size + 1
      member = { place, id, limits, stored, used: [0, 0, 0], lastGroup: null }
      this.#members.set(id, member)
    }
    member.stored ??= stored
    return member
  }

  /** Adds a call to the group of the same parties, unless one of them was called in between: the order must stay. */
  #group(members: readonly Member[]): void {
    const last = members[0]?.lastGroup ?? null
    if (last !== null && isSameGroup(last, members)) {
      last.times += 1
      return
    }
    const group = { members, times: 1 }
    for (const member of members) member.lastGroup = group
    this.#groups.push(group)
  }
}

const isSameGroup = (group: Group, members: readonly Member[]) =>
  group.members.length === members.length &&
  members.every((member, at) => member === group.members[at] && member.lastGroup === group)

const columnOf = { second: 0, day: 1, month: 2 } as const

const areEqual = (one: Limits, other: Limits) =>
  one === other ||
  (one.perSecond === other.perSecond && one.perDay === other.perDay && one.perMonth === other.perMonth)
