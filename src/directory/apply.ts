import { randomUUID } from 'node:crypto'
import { addAuditEntry } from '../store/audit.js'
import type { Database } from '../store/database.js'
import { revokeKeysOf, type Tx } from '../store/keys.js'
import { announce } from '../store/notices.js'
import {
  confirmOwners,
  findPeople,
  lockOwner,
  type OwnerRow,
  setOwnerEnabled,
  updateOwner,
} from '../store/owners.js'
import type { Person } from './source.js'

/** What becomes of the keys of someone who is disabled: they wait, or they are revoked. */
export type DisabledPolicy = 'suspend' | 'revoke'

/** What the identity provider answered about a person; null: nobody has this subject. */
export interface Sighting {
  subject: string
  person: Person | null
  /** When it was asked. */
  at: Date
}

/**
 * Brings the store to what was seen. What changes is written one person at a time, each with its lines of the ledger
 * and its notice to the other replicas in the same transaction; what does not is noted in one statement.
 * @returns the people about whom the store says something else now
 */
export async function applySightings(
  db: Database,
  policy: DisabledPolicy,
  sightings: readonly Sighting[],
): Promise<string[]> {
  const bySubject = new Map(sightings.map((sighting) => [sighting.subject, sighting]))
  const owners = await findPeople(db, [...bySubject.keys()])
  const changed: string[] = []
  const confirmed: string[] = []
  for (const owner of owners) {
    const sighting = bySubject.get(owner.subject)
    if (sighting === undefined) continue
    const isChanged = differs(owner, sighting) && (await applySighting(db, policy, sighting))
    const list = isChanged ? changed : confirmed
    list.push(owner.subject)
  }
  // Each was asked at or after the earliest time, so that is as of when all of them are known.
  const earliest = Math.min(...sightings.map(({ at }) => at.getTime()))
  if (confirmed.length > 0) await confirmOwners(db, confirmed, new Date(earliest))
  return changed
}

/** @returns whether anything changed: another replica may have been faster */
function applySighting(db: Database, policy: DisabledPolicy, sighting: Sighting): Promise<boolean> {
  return db.write(async (tx) => {
    const owner = await lockOwner(tx, sighting.subject)
    if (owner === null || !differs(owner, sighting)) return false
    const { person, at } = sighting
    if (person?.enabled === true) {
      if (!owner.enabled) await record(tx, sighting, 'owner.enabled', owner.subject)
      await updateOwner(tx, { subject: owner.subject, ...person, knownAt: at })
    } else await disable(tx, policy, sighting)
    return true
  })
}

async function disable(tx: Tx, policy: DisabledPolicy, sighting: Sighting): Promise<void> {
  const { subject, person, at } = sighting
  await record(tx, sighting, person === null ? 'owner.deleted' : 'owner.disabled', subject)
  await setOwnerEnabled(tx, subject, false)
  if (policy === 'suspend') return
  for (const id of await revokeKeysOf(tx, subject, at)) {
    await record(tx, sighting, 'key.revoked', id)
    await announce(tx, { key: id })
  }
}

/** The directory itself is the actor: nobody asked for this here. */
const record = (tx: Tx, { subject, at }: Sighting, action: string, targetId: string): Promise<void> =>
  addAuditEntry(tx, {
    at,
    actor: { subject: 'directory', login: 'directory', via: 'directory' },
    action,
    targetId,
    ownerSubject: subject,
    address: '',
    requestId: randomUUID(),
    details: {},
  })

/** Whether the store must change. A token that is newer than the sighting knows the rights better. */
function differs(owner: OwnerRow, { person, at }: Sighting): boolean {
  if (person?.enabled !== true) return owner.enabled
  if (!owner.enabled) return true
  if (owner.knownAt > at) return false
  return !isSame(
    [owner.login, owner.name, owner.email, owner.rights, owner.attributes],
    [person.login, person.name, person.email, person.rights, person.attributes],
  )
}

/** The members of an object come back from the database in an order of its own. */
const isSame = (one: unknown, other: unknown) => sortedJson(one) === sortedJson(other)

const sortedJson = (value: unknown) =>
  JSON.stringify(value, (_name, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([one], [other]) => (one < other ? -1 : 1)))
      : member,
  )
