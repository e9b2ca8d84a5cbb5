import { timingSafeEqual } from 'node:crypto'
import { compileRanges } from '../addresses.js'
import type { KeyBounds, Principal, Verdict } from '../auth/types.js'
import { asLimits, asParty } from '../limits/party.js'
import type { LimitedParty } from '../limits/types.js'
import type { VerificationRow } from '../store/keys.js'
import type { UsageCounter } from '../usage/counter.js'
import type { CachedOwner } from './cached-owners.js'
import { grantedScopes } from './scopes.js'
import { hashPresented } from './value.js'

type Accepted = Verdict & { kind: 'accepted' }

interface OldValue {
  readonly hash: string
  /** Milliseconds since the epoch. */
  readonly validUntil: number
  readonly accepted: Accepted
}

/** What a key signs JWTs with. */
export interface SigningSecret {
  readonly sealed: string
  /** Milliseconds since the epoch; Infinity: for as long as the key. */
  readonly validUntil: number
  readonly accepted: Accepted
}

const refused: Verdict = { kind: 'refused' }
const nothing = Object.freeze({})
const none: readonly SigningSecret[] = []
/** Of a key without a current value, which no presented value hashes to. */
const noHash = ''

/**
 * A key as it was read. Everything that does not depend on the time is decided here, once. It is its own verdict
 * and its own bounds, since a service may remember a hundred thousand of them.
 */
export class CachedKey implements Accepted, KeyBounds {
  readonly id: string
  readonly principal: Principal
  readonly readOnly: boolean
  readonly allowedReferers: readonly string[] | null
  readonly allowedIps: readonly string[] | null
  readonly allowsAddress: ((address: string) => boolean) | null
  readonly expiresAt: number
  readonly authorized: KeyBounds['authorized']
  readonly limited: readonly LimitedParty[] | null
  readonly isImported: boolean
  readonly #linkGeneration: number
  readonly #isOpen: boolean
  readonly #hash: string
  readonly #oldValues: readonly OldValue[] | null
  readonly #signing: readonly SigningSecret[] | null
  readonly #usage: UsageCounter

  /**
   * @param readAt when it was asked for, in milliseconds since the epoch
   * @param epoch of the store's notices when it was asked for
   */
  constructor(
    row: VerificationRow,
    readonly owner: CachedOwner,
    readonly readAt: number,
    readonly epoch: number,
    usage: UsageCounter,
  ) {
    this.id = row.id
    this.principal = asPrincipal(row, owner)
    this.readOnly = row.read_only
    this.allowedReferers = orNull(row.allowed_referers)
    this.allowedIps = orNull(row.allowed_ips)
    this.allowsAddress = this.allowedIps && compileRanges(this.allowedIps)
    this.expiresAt = row.expires_at?.getTime() ?? Number.POSITIVE_INFINITY
    this.authorized = readAuthorization(row, owner)
    const ownLimits = asLimits(row.limit_per_second, row.limit_per_day, row.limit_per_month)
    const parties = [asParty(`key:${row.id}`, ownLimits), asParty(`owner:${owner.subject}`, owner.limits)]
    this.limited = orNull(parties.filter((party) => party !== null))
    this.isImported = row.imported
    this.#linkGeneration = row.link_generation
    this.#isOpen = row.enabled && row.revoked_at === null && owner.isEnabled && !row.keys_off
    this.#usage = usage
    const values = row.hashes.map((hash, at) => ({ hash, validUntil: row.valid_untils[at] ?? null }))
    this.#hash = values.find(({ validUntil }) => validUntil === null)?.hash.toString('latin1') ?? noHash
    this.#oldValues = orNull(
      values.flatMap(({ hash, validUntil }) =>
        validUntil === null
          ? []
          : [
              {
                hash: hash.toString('latin1'),
                validUntil: validUntil.getTime(),
                accepted: this.#asOld(hash, validUntil.getTime()),
              },
            ],
      ),
    )
    this.#signing = row.sealed_secrets && this.#readSigning(row, row.sealed_secrets)
  }

  get kind(): 'accepted' {
    return 'accepted'
  }

  get key(): KeyBounds {
    return this
  }

  recordUse(at: number, address: string, userAgent: string | undefined): void {
    this.#usage.record(this.id, at, address, userAgent)
  }

  /** The hashes of its values, of one byte a character. */
  get hashes(): string[] {
    return [this.#hash, ...(this.#oldValues ?? []).map(({ hash }) => hash)]
  }

  /** What JWTs may be signed with now, as far as the key itself tells; the newest first. */
  signingSecrets(now: number): readonly SigningSecret[] {
    if (this.#signing === null || !this.#isOpen || now >= this.expiresAt) return none
    // Nearly always one: no list is made for it.
    return this.#signing.every(({ validUntil }) => now < validUntil)
      ? this.#signing
      : this.#signing.filter(({ validUntil }) => now < validUntil)
  }

  /** Whether the value is or was one of this key's, whether or not it opens anything. */
  isOwn(value: string): boolean {
    const presented = hashPresented(value)
    return (
      isEqual(presented, this.#hash) ||
      (this.#oldValues?.some(({ hash }) => isEqual(presented, hash)) ?? false)
    )
  }

  /** Whether the value opens the key now, as far as the key itself tells. */
  judge(value: string, now: number): Verdict {
    if (!this.#isOpen || now >= this.expiresAt) return refused
    // Hash before comparing: the time it takes speaks of a hash, not of the secret.
    const presented = hashPresented(value)
    if (isEqual(presented, this.#hash)) return this
    if (this.#oldValues === null) return refused
    const old = this.#oldValues.find(({ hash }) => isEqual(presented, hash))
    return old !== undefined && now < old.validUntil ? old.accepted : refused
  }

  /** Whether a link that was made in that generation opens anything now, as far as the key itself tells. */
  hasLinks(generation: number, now: number): boolean {
    return this.#isOpen && now < this.expiresAt && generation === this.#linkGeneration
  }

  #readSigning(
    { hashes, valid_untils: validUntils }: VerificationRow,
    sealedSecrets: readonly (string | null)[],
  ): readonly SigningSecret[] {
    const principal = Object.freeze<Principal>({ ...this.principal, via: 'key-jwt' })
    return sealedSecrets.flatMap((sealed, at) => {
      const hash = hashes[at]
      if (sealed === null || hash === undefined) return []
      const validUntil = validUntils[at]?.getTime()
      const accepted: Accepted =
        validUntil === undefined
          ? { kind: 'accepted', principal, key: this, recordUse: this.recordUse.bind(this) }
          : { ...this.#asOld(hash, validUntil), principal }
      return [{ sealed, validUntil: validUntil ?? Number.POSITIVE_INFINITY, accepted }]
    })
  }

  #asOld(hash: Buffer, validUntil: number): Accepted {
    const { readOnly, allowedReferers, allowedIps, allowsAddress, expiresAt, authorized, limited } = this
    const recordOldValue = (at: number) => this.#usage.recordOldValue(hash, at)
    return {
      kind: 'accepted',
      principal: this.principal,
      key: {
        readOnly,
        allowedReferers,
        allowedIps,
        allowsAddress,
        expiresAt,
        authorized,
        limited,
        validUntil,
      },
      recordUse: (at, address, userAgent) => {
        this.recordUse(at, address, userAgent)
        recordOldValue(at)
      },
    }
  }
}

// Hashes are kept as strings of one byte a character, which take a third of a Buffer's memory.
const kept = Buffer.alloc(32)

function isEqual(presented: Buffer, hash: string): boolean {
  if (kept.write(hash, 'latin1') !== kept.length) return false
  return timingSafeEqual(presented, kept)
}

function asPrincipal(row: VerificationRow, owner: CachedOwner): Principal {
  return Object.freeze<Principal>({
    subject: owner.subject,
    login: owner.login,
    name: owner.name,
    email: owner.email,
    kind: owner.kind,
    via: 'api-key',
    roles: owner.rights,
    scopes: grantedScopes(row.scopes, owner.rights),
    attributes: owner.attributes,
    config: mergeConfig(row.config, owner.attributes),
    keyId: row.id,
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at.getTime() }),
  })
}

/** What the directory says of the owner stands over what the owner says of the key. */
function mergeConfig(
  own: Record<string, unknown>,
  attributes: CachedOwner['attributes'],
): Readonly<Record<string, unknown>> {
  if (Object.keys(own).length === 0) return Object.keys(attributes).length === 0 ? nothing : attributes
  return { ...own, ...attributes }
}

/** A user's key that names nothing is for all services, a server's key for none. */
export function readAuthorization(
  { groups, services }: Pick<VerificationRow, 'groups' | 'services'>,
  owner: Pick<CachedOwner, 'kind'>,
): KeyBounds['authorized'] {
  if (owner.kind === 'user' && groups.length === 0 && services.length === 0) return null
  return { groups, services }
}

const orNull = <T>(items: readonly T[]): readonly T[] | null => (items.length === 0 ? null : items)
