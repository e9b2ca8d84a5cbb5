import type { Calendar, Periods } from './calendar.js'
import { isCountedByDay } from './decide.js'
import type { Journal } from './journal.js'
import { type Call, type NoAnswer, RedisBatch } from './redis-batch.js'
import { patienceMs } from './redis-connection.js'
import type { Joined, RedisLink } from './redis-link.js'
import { countScript, epochKey } from './redis-scripts.js'
import { Seeding } from './seeding.js'
import type { LimitDecision, LimitedParty, Quota } from './types.js'

export interface RedisCountersOptions {
  link: RedisLink
  journal: Journal
  calendar: Calendar
}

const attempts = 5

/** The counters in Redis. All calls of one turn of the event loop are one script call. */
export class RedisCounters {
  readonly #link: RedisLink
  readonly #journal: Journal
  readonly #calendar: Calendar
  readonly #seeding: Seeding
  /** Takes calls until the turn of the event loop ends. */
  #open: RedisBatch | null = null

  constructor({ link, journal, calendar }: RedisCountersOptions) {
    this.#link = link
    this.#journal = journal
    this.#calendar = calendar
    this.#seeding = new Seeding(journal)
  }

  /** @throws StoreUnavailable when a party must be looked up first and cannot */
  take(parties: readonly LimitedParty[], joined: Joined): Promise<LimitDecision | 'left'> {
    return this.#ask<LimitDecision>(parties, joined, (settle) => ({ kind: 'take', settle }))
  }

  /** @throws StoreUnavailable when a party must be looked up first and cannot */
  look(parties: readonly LimitedParty[], joined: Joined): Promise<readonly Quota[] | 'left'> {
    return this.#ask<readonly Quota[]>(parties, joined, (settle) => ({ kind: 'look', settle }))
  }

  /** To be called when Redis is left, because it may come back empty. */
  reset(): void {
    this.#seeding.reset()
  }

  async #ask<Answer>(
    parties: readonly LimitedParty[],
    joined: Joined,
    asCall: (settle: (answer: Answer | NoAnswer) => void) => Call,
  ): Promise<Answer | 'left'> {
    for (let attempt = 0; attempt < attempts && this.#link.state === joined; attempt++) {
      const periods = this.#calendar(this.#link.clock.now())
      const seeds = this.#seeding.isDone(parties) ? null : await this.#seeding.read(parties, periods)
      const answer = await new Promise<Answer | NoAnswer>((settle) => {
        this.#batchFor(parties, joined, periods).add(asCall(settle), parties, seeds)
      })
      if (answer !== 'again') return answer
    }
    if (this.#link.state === joined) this.#link.leave(new Error('Redis answers too late'))
    return 'left'
  }

  #batchFor(parties: readonly LimitedParty[], joined: Joined, periods: Periods): RedisBatch {
    const open = this.#open
    if (open?.joined === joined && open.periods === periods && open.admits(parties)) return open
    if (open !== null) this.#send(open)
    const batch = new RedisBatch(joined, periods)
    this.#open = batch
    setImmediate(() => {
      if (this.#open === batch) this.#send(batch)
    })
    return batch
  }

  #send(batch: RedisBatch): void {
    this.#open = null
    this.#decide(batch).catch((error: unknown) => {
      // No call of the batch may wait for ever.
      if (this.#link.state === batch.joined) this.#link.leave(error)
      batch.settleAll('left')
    })
  }

  async #decide(batch: RedisBatch): Promise<void> {
    const answer = await this.#run(batch)
    // The answers of a Redis that was left are not believed, because a share may have counted the calls again.
    if (this.#link.state !== batch.joined || answer === null) return batch.settleAll('left')
    const [outcome, now, ...used] = answer
    this.#link.clock.note(now)
    if (outcome === 'ok') {
      this.#seeding.note(batch.seeded())
      batch.decideAll(used, now, (party) => {
        if (isCountedByDay(party)) this.#journal.add(party.id, batch.periods.dayStart)
      })
    } else if (outcome === 'closed') {
      this.#link.leave(new Error('Redis has lost its counters'))
      batch.settleAll('left')
    } else {
      this.#link.clock.set(now)
      batch.settleAll('again')
    }
  }

  /** @returns null where Redis is left, or did not answer in time and is left for that */
  async #run(batch: RedisBatch): Promise<[string, number, ...number[]] | null> {
    const link = this.#link
    if (link.state !== batch.joined) return null
    const { dayStart, dayEnd, monthStart, monthEnd } = batch.periods
    const deadline = link.clock.now() + patienceMs
    const head = [batch.joined.epoch, deadline, dayStart, dayEnd, monthStart, monthEnd]
    try {
      const answer = await link.run(
        countScript,
        [epochKey, ...batch.keys()],
        [...head, JSON.stringify(batch.words())],
      )
      // The shape that the script promises.
      return answer as [string, number, ...number[]]
    } catch (error) {
      if (link.state === batch.joined) link.leave(error)
      return null
    }
  }
}
