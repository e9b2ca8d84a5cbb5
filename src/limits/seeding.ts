import type { Periods } from './calendar.js'
import { isCountedByDay } from './decide.js'
import type { Journal } from './journal.js'
import type { LimitedParty } from './types.js'

/** What the database holds of a party's day and month. */
export interface StoredUse {
  readonly day: number
  readonly month: number
}

/** For each party of a list. Null: Redis holds at least that already. */
export type Seeds = readonly (StoredUse | null)[]

/** Far more parties than are called between two restarts. Beyond that number, parties are only read again. */
const maxSeeded = 200_000

/** Knows the parties that Redis was seeded with since it was joined, and reads what is stored of the others. */
export class Seeding {
  readonly #journal: Journal
  readonly #seeded = new Set<string>()
  readonly #reading = new Map<string, Promise<StoredUse>>()

  constructor(journal: Journal) {
    this.#journal = journal
  }

  /** Whether nothing must be read before the parties are counted in Redis. */
  isDone(parties: readonly LimitedParty[]): boolean {
    for (const party of parties) if (!this.#isSeeded(party)) return false
    return true
  }

  /** @throws StoreUnavailable */
  read(parties: readonly LimitedParty[], periods: Periods): Promise<Seeds> {
    return Promise.all(
      parties.map((party) => (this.#isSeeded(party) ? null : this.#readOnce(party.id, periods))),
    )
  }

  note(parties: Iterable<string>): void {
    if (this.#seeded.size > maxSeeded) this.#seeded.clear()
    for (const id of parties) this.#seeded.add(id)
  }

  /** Redis may lose its counters from now on. */
  reset(): void {
    this.#seeded.clear()
  }

  #isSeeded(party: LimitedParty): boolean {
    return this.#seeded.has(party.id) || !isCountedByDay(party)
  }

  /** Reads once for all calls that wait for it. */
  #readOnce(id: string, periods: Periods): Promise<StoredUse> {
    // The day is in the name, because the counts of yesterday are not those of today.
    const name = `${periods.dayStart} ${id}`
    const running = this.#reading.get(name)
    if (running !== undefined) return running
    const stored = this.#read(id, periods).finally(() => this.#reading.delete(name))
    this.#reading.set(name, stored)
    return stored
  }

  async #read(id: string, { dayStart, monthStart, monthEnd }: Periods): Promise<StoredUse> {
    let [day, month] = [0, 0]
    for (const row of await this.#journal.readStored(id, monthStart)) {
      if (row.dayStart === dayStart) day = row.used
      if (row.dayStart < monthEnd) month += row.used
    }
    return { day, month }
  }
}
