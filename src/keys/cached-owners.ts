import { asLimits } from '../limits/party.js'
import type { Limits } from '../limits/types.js'
import type { VerificationRow } from '../store/keys.js'

/** What is remembered of an owner, shared by all of their keys that are remembered. */
export interface CachedOwner {
  readonly subject: string
  readonly kind: 'user' | 'server'
  readonly login: string
  readonly name: string | null
  readonly email: string | null
  readonly rights: readonly string[]
  readonly attributes: Readonly<Record<string, unknown>>
  readonly isEnabled: boolean
  /** Of the calls with all of their keys; null: unlimited. */
  readonly limits: Limits | null
  /** As of when the identity provider told this, in milliseconds since the epoch. */
  knownAt: number
  /** When a key of theirs was last accepted; 0: never. */
  usedAt: number
  /** The owner changed: keys that were read with this must be read again. */
  isOutdated: boolean
  /** Keys that refer to this. */
  keys: number
}

/** A moment, to tell whether an owner changed after it. */
export type Moment = number

// Far more changes of owners than can fall into one look-up.
const maxChanges = 10_000

/** Owners of the remembered keys: each is held once, and for as long as a remembered key refers to them. */
export class CachedOwners {
  readonly #owners = new Map<string, CachedOwner>()
  readonly #changes = new Map<string, Moment>()
  #now: Moment = 0
  #forgottenUntil: Moment = 0

  /** The moment at which a look-up begins. */
  now(): Moment {
    return this.#now
  }

  hasChangedSince(subject: string, moment: Moment): boolean {
    return moment < this.#forgottenUntil || (this.#changes.get(subject) ?? 0) > moment
  }

  /** The owner of a key that was just read, as one more key refers to them. */
  take(row: VerificationRow): CachedOwner {
    const known = this.#owners.get(row.subject)
    if (known !== undefined && isSame(known, row)) {
      known.keys += 1
      return known
    }
    // A change that nobody told: what was read before must not serve either.
    if (known !== undefined) known.isOutdated = true
    const owner = asOwner(row, known)
    this.#owners.set(row.subject, owner)
    return owner
  }

  /** One key less refers to the owner. */
  release(owner: CachedOwner): void {
    owner.keys -= 1
    if (owner.keys === 0 && this.#owners.get(owner.subject) === owner) this.#owners.delete(owner.subject)
  }

  /** The owner changed: no key that was read before may serve, nor one whose look-up is under way. */
  invalidate(subject: string): void {
    this.#now += 1
    if (this.#changes.size >= maxChanges) {
      this.#changes.clear()
      this.#forgottenUntil = this.#now
    }
    this.#changes.set(subject, this.#now)
    const known = this.#owners.get(subject)
    if (known === undefined) return
    known.isOutdated = true
    this.#owners.delete(subject)
  }

  /** The identity provider told that nothing changed. */
  confirm(subject: string, knownAt: number): void {
    const known = this.#owners.get(subject)
    if (known !== undefined) known.knownAt = knownAt
  }

  /** People whose keys were accepted since then. */
  usedSince(since: number): string[] {
    return [...this.#owners.values()]
      .filter(({ kind, usedAt }) => kind === 'user' && usedAt >= since)
      .map(({ subject }) => subject)
  }
}

function asOwner(row: VerificationRow, former: CachedOwner | undefined): CachedOwner {
  return {
    subject: row.subject,
    kind: row.kind,
    login: row.login,
    name: row.owner_name,
    email: row.email,
    rights: Object.freeze(row.rights),
    attributes: Object.freeze(row.attributes),
    isEnabled: row.owner_enabled,
    limits: readLimits(row),
    knownAt: row.known_at.getTime(),
    usedAt: former?.usedAt ?? 0,
    isOutdated: false,
    keys: 1,
  }
}

const readLimits = (row: VerificationRow) =>
  asLimits(row.owner_limit_per_second, row.owner_limit_per_day, row.owner_limit_per_month)

function isSame(known: CachedOwner, row: VerificationRow): boolean {
  return (
    known.isEnabled === row.owner_enabled &&
    JSON.stringify(known.limits) === JSON.stringify(readLimits(row)) &&
    known.login === row.login &&
    known.name === row.owner_name &&
    known.email === row.email &&
    known.rights.length === row.rights.length &&
    known.rights.every((right, at) => right === row.rights[at]) &&
    JSON.stringify(known.attributes) === JSON.stringify(row.attributes)
  )
}
