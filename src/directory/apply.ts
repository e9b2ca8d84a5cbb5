import { randomUUID } from 'node:crypto'
import { ownSubjects } from '../auth/own-subjects.js'
import { type AuditEntry, addAuditEntries, addAuditEntry } from '../store/audit.js'
import type { Database } from '../store/database.js'
import {
  confirmOwners,
  disableOwners,
  findPeople,
  lockOwner,
  type OwnerRow,
  updateOwner,
} from '../store/owners.js'
import { revokeWorkingKeysOf } from '../store/revocations.js'
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

export interface ApplyOptions {
  db: Database
  policy: DisabledPolicy
  now: Date
  /** Called after the change of a person, even one of which nobody knows whether it was done. */
  onChange(sighting: Sighting): void
}

/**
 * Brings the store to what was seen, with the audit events and the notices to the other replicas in the transaction of
 * each change. All who are disabled are written in one transaction, because they may be thousands at once; everyone
 * else who changed has one of their own. What did not change is noted in one statement.
 */
export async function applySightings(options: ApplyOptions, sightings: readonly Sighting[]): Promise<void> {
  const { db, now } = options
  const bySubject = new Map(sightings.map((sighting) => [sighting.subject, sighting]))
  const confirmed: string[] = []
  const disabled: Sighting[] = []
  const changed: Sighting[] = []
  for (const owner of await findPeople(db, [...bySubject.keys()])) {
    const sighting = bySubject.get(owner.subject)
    if (sighting === undefined) continue
    if (!differs(owner, sighting, now)) confirmed.push(owner.subject)
    else if (sighting.person?.enabled === true) changed.push(sighting)
    else disabled.push(sighting)
  }
  if (disabled.length > 0) await disable(options, disabled)
  for (const sighting of changed) await applySighting(options, sighting)
  // Each was asked at or after the earliest time, so that is as of when all of them are known.
  const earliest = Math.min(...sightings.map(({ at }) => at.getTime()))
  if (confirmed.length > 0) await confirmOwners(db, confirmed, { knownAt: new Date(earliest), now })
}

async function applySighting({ db, now, onChange }: ApplyOptions, sighting: Sighting): Promise<void> {
  let mayHaveChanged = false
  try {
    await db.write(async (tx) => {
      const owner = await lockOwner(tx, sighting.subject)
      // Another replica may have been faster.
      if (owner === null || !differs(owner, sighting, now)) return
      const { person, at } = sighting
      if (person?.enabled !== true) return
      mayHaveChanged = true
      if (!owner.enabled) await addAuditEntry(tx, describe(sighting, 'owner.enabled'))
      await updateOwner(tx, { subject: owner.subject, ...person, knownAt: at })
    })
  } finally {
    // Not when the database was down all along: keys in use must go on.
    if (mayHaveChanged) onChange(sighting)
  }
}

async function disable(
  { db, policy, onChange }: ApplyOptions,
  sightings: readonly Sighting[],
): Promise<void> {
  let subjects = new Set<string>()
  try {
    await db.write(async (tx) => {
      // Another replica may have been faster with some of them.
      subjects = new Set(await disableOwners(tx, sightings))
      const events = sightings
        .filter(({ subject }) => subjects.has(subject))
        .map((sighting) => describe(sighting, sighting.person === null ? 'owner.deleted' : 'owner.disabled'))
      await addAuditEntries(tx, events)
      const [latest] = events.toSorted((one, other) => other.at.getTime() - one.at.getTime())
      if (policy === 'revoke' && latest !== undefined) await revokeWorkingKeysOf(tx, [...subjects], latest)
    })
  } finally {
    for (const sighting of sightings) if (subjects.has(sighting.subject)) onChange(sighting)
  }
}

/** Describes an audit event whose actor is the directory itself: nobody asked for this here. */
const describe = ({ subject, at }: Sighting, action: string): AuditEntry => ({
  at,
  actor: { subject: ownSubjects.directory, login: 'directory', via: 'directory' },
  action,
  targetId: subject,
  ownerSubject: subject,
  address: '',
  requestId: randomUUID(),
  details: {},
})

/** Whether the store must change. A mistake about someone who is disabled is mended by the next round; one about someone who is not would be a yes. */
function differs(owner: OwnerRow, { person, at }: Sighting, now: Date): boolean {
  if (person?.enabled !== true) return owner.enabled
  // What is newer knows better, unless it comes from a clock that was ahead of this one.
  if (owner.knownAt > at && owner.knownAt <= now) return false
  return (
    !owner.enabled ||
    !isSame(
      [owner.login, owner.name, owner.email, owner.rights, owner.attributes],
      [person.login, person.name, person.email, person.rights, person.attributes],
    )
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
