import type { Database } from './database.js'
import type { Owner, Prisma } from './generated/client.js'
import { notify, notifyAll } from './notices.js'
import type { Tx } from './transaction.js'

export type OwnerRow = Owner

export interface OwnerFacts {
  subject: string
  login: string
  name: string | null
  email: string | null
  rights: readonly string[]
  /** Parsed from JSON. */
  attributes: Readonly<Record<string, unknown>>
  /** When the identity provider told this. */
  knownAt: Date
}

/**
 * Keeps what a token told about a person, unless something newer is known.
 * @param keepAttributes those that the token does not carry stay, since the identity provider is asked for them apart
 * @returns whether that changed what is known: the other replicas are told only then, since it makes them read anew
 */
export async function rememberOwner(
  tx: Tx,
  facts: OwnerFacts,
  { keepAttributes }: { keepAttributes: boolean },
): Promise<boolean> {
  // First, so that the comparison is with what is there when it is replaced.
  await tx.$queryRaw`SELECT 1 FROM owners WHERE subject = ${facts.subject} FOR UPDATE`
  const [outcome] = await tx.$queryRaw<{ changed: boolean }[]>`
    WITH before AS (
      SELECT login, name, email, rights, attributes FROM owners WHERE subject = ${facts.subject}
    ), after AS (
      INSERT INTO owners (subject, kind, login, name, email, rights, attributes, known_at)
      VALUES (${facts.subject}, 'user', ${facts.login}, ${facts.name}, ${facts.email}, ${[...facts.rights]},
        ${JSON.stringify(facts.attributes)}::jsonb, ${facts.knownAt})
      ON CONFLICT (subject) DO UPDATE SET
        login = excluded.login, name = excluded.name, email = excluded.email,
        rights = excluded.rights, known_at = excluded.known_at,
        attributes = CASE WHEN ${keepAttributes} THEN owners.attributes || excluded.attributes ELSE excluded.attributes END
      -- Whatever the subject of a token is, it never becomes a server user's.
      WHERE owners.known_at <= excluded.known_at AND owners.kind = 'user'
      RETURNING login, name, email, rights, attributes
    )
    SELECT EXISTS (SELECT * FROM after EXCEPT SELECT * FROM before) AS changed`
  const isChanged = outcome?.changed === true
  if (isChanged) await notify(tx, { owner: facts.subject })
  return isChanged
}

export const findOwner = ({ prisma }: Database, subject: string): Promise<OwnerRow | null> =>
  prisma.owner.findUnique({ where: { subject } })

export interface LimitsRow {
  subject: string
  limit_per_second: number | null
  limit_per_day: number | null
  limit_per_month: number | null
}

/** Finds the limits of these owners. Unknown ones are left out. */
export const findLimitsOfOwners = (db: Database, subjects: readonly string[]): Promise<LimitsRow[]> =>
  db.query<LimitsRow>({
    name: 'find-limits-of-owners',
    text: 'SELECT subject, limit_per_second, limit_per_day, limit_per_month FROM owners WHERE subject = ANY($1)',
    values: [subjects],
  })

export async function findOwnerOfKey(tx: Tx, keyId: string): Promise<string | null> {
  const key = await tx.apiKey.findUnique({ where: { id: keyId }, select: { ownerSubject: true } })
  return key?.ownerSubject ?? null
}

/**
 * Locks the owners of these keys, as `lockOwner` does.
 * @returns the ids of the keys that exist
 */
export async function lockOwnersOfKeys(tx: Tx, ids: readonly string[]): Promise<string[]> {
  // In the order of the subjects, so that two transactions cannot deadlock.
  await tx.$queryRaw`
    SELECT 1 FROM owners WHERE subject IN (SELECT owner_subject FROM api_keys WHERE id = ANY(${[...ids]}))
    ORDER BY subject FOR UPDATE`
  const keys = await tx.apiKey.findMany({ where: { id: { in: [...ids] } }, select: { id: true } })
  return keys.map(({ id }) => id)
}

/** Until the transaction ends nobody else names a server user, so that a name that is free stays so. */
export async function lockServerNames(tx: Tx): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('latchkey names of server users'))`
}

/**
 * Whether another server user has this name, as `isNameTaken` compares.
 */
export async function isServerNameTaken(
  tx: Tx,
  { login, exceptSubject = '' }: { login: string; exceptSubject?: string },
): Promise<boolean> {
  // With the kind written out, since the index of these names is of this kind alone.
  const others = await tx.$queryRaw<{ login: string }[]>`
    SELECT login FROM owners
    WHERE kind = 'server' AND subject <> ${exceptSubject} AND (login = ${login} OR login ~ '[^ -~]')`
  return others.some((other) => other.login.normalize('NFC') === login)
}

/** Writes what is known of a person, whatever was known before; they are enabled from then on. */
export async function putOwner(tx: Tx, { subject, ...facts }: OwnerFacts): Promise<void> {
  const attributes = facts.attributes as Prisma.InputJsonObject
  const known = { ...facts, rights: [...facts.rights], attributes, enabled: true }
  await tx.owner.upsert({
    where: { subject },
    create: { subject, kind: 'user', ...known },
    update: known,
  })
  await notify(tx, { owner: subject })
}

/** Makes the server user of one key, whose name nobody else has. Its rights are the key's: nobody else tells them. */
export async function insertServerUser(
  tx: Tx,
  user: { subject: string; login: string; rights: readonly string[]; now: Date },
): Promise<void> {
  const { subject, login, rights, now } = user
  await tx.owner.create({ data: { subject, kind: 'server', login, rights: [...rights], knownAt: now } })
}

export async function updateServerUser(
  tx: Tx,
  subject: string,
  changes: { login?: string; rights?: string[] },
): Promise<void> {
  await tx.owner.update({ where: { subject }, data: changes })
  await notify(tx, { owner: subject })
}

export async function deleteOwner(tx: Tx, subject: string): Promise<void> {
  await tx.owner.delete({ where: { subject } })
  await notify(tx, { owner: subject })
}

/** Calls over all of an owner's keys; null: unlimited. The caller holds the owner. */
export interface OwnerLimits {
  limitPerSecond: number | null
  limitPerDay: number | null
  limitPerMonth: number | null
}

export async function updateOwnerLimits(tx: Tx, subject: string, limits: OwnerLimits): Promise<OwnerRow> {
  const owner = await tx.owner.update({ where: { subject }, data: limits })
  await notify(tx, { owner: subject })
  return owner
}

/** Until the transaction ends nobody else changes this owner's keys, so what is counted stays true. */
export async function lockOwner(tx: Tx, subject: string): Promise<OwnerRow | null> {
  await tx.$queryRaw`SELECT 1 FROM owners WHERE subject = ${subject} FOR UPDATE`
  return tx.owner.findUnique({ where: { subject } })
}

/** What the identity provider told when it was asked; the caller holds the owner. */
export async function updateOwner(
  tx: Tx,
  { subject, ...facts }: OwnerFacts & { enabled: boolean },
): Promise<void> {
  const attributes = facts.attributes as Prisma.InputJsonObject
  await tx.owner.update({ where: { subject }, data: { ...facts, rights: [...facts.rights], attributes } })
  await notify(tx, { owner: subject })
}

/**
 * Disables these people in one statement, and announces those that were enabled.
 * @returns their subjects
 */
export async function disableOwners(
  tx: Tx,
  seen: readonly { subject: string; at: Date }[],
): Promise<string[]> {
  // In the order of the subjects, so that two replicas cannot deadlock.
  const rows = await tx.$queryRaw<{ subject: string }[]>`
    WITH seen AS (
      SELECT * FROM unnest(${seen.map(({ subject }) => subject)}::text[], ${seen.map(({ at }) => at)}::timestamptz[])
        AS s (subject, at)
    ), enabled AS (
      SELECT o.subject, seen.at FROM owners o JOIN seen ON seen.subject = o.subject
      WHERE o.enabled AND o.kind = 'user' ORDER BY o.subject FOR UPDATE OF o
    )
    UPDATE owners o SET enabled = false, known_at = enabled.at FROM enabled WHERE o.subject = enabled.subject
    RETURNING o.subject`
  const subjects = rows.map(({ subject }) => subject)
  await notifyAll(
    tx,
    subjects.map((owner) => ({ owner })),
  )
  return subjects
}

/** Notes that the identity provider still tells the same of these people. */
export async function confirmOwners(
  db: Database,
  subjects: readonly string[],
  { knownAt, now }: { knownAt: Date; now: Date },
): Promise<void> {
  await db.query({
    name: 'confirm-owners',
    // In the order of the subjects, so that two replicas cannot deadlock.
    text: `
WITH known AS (SELECT subject FROM owners WHERE subject = ANY($1::text[]) ORDER BY subject FOR NO KEY UPDATE)
UPDATE owners o SET known_at = CASE
  -- Told by a clock that was ahead: it would make all that comes look old.
  WHEN o.known_at > $3::timestamptz THEN $2::timestamptz ELSE GREATEST(o.known_at, $2::timestamptz) END
FROM known WHERE known.subject = o.subject`,
    values: [subjects, knownAt, now],
  })
}

/** People among these, as they are known. */
export const findPeople = ({ prisma }: Database, subjects: readonly string[]): Promise<OwnerRow[]> =>
  prisma.owner.findMany({ where: { subject: { in: [...subjects] }, kind: 'user' } })

/** Everyone who is known to be disabled. */
export async function findDisabledPeople({ prisma }: Database): Promise<string[]> {
  const people = await prisma.owner.findMany({
    where: { kind: 'user', enabled: false },
    select: { subject: true },
  })
  return people.map(({ subject }) => subject)
}

/** Who holds a key that may work, and was known last before that time; the oldest knowledge first. */
export async function findLongUnseenPeople(
  db: Database,
  { before, now, limit }: { before: Date; now: Date; limit: number },
): Promise<string[]> {
  const rows = await db.query<{ subject: string }>({
    name: 'find-long-unseen-people',
    text: `
SELECT o.subject FROM owners o
WHERE o.known_at < $1 AND o.kind = 'user' AND EXISTS (
  SELECT 1 FROM api_keys k
  WHERE k.owner_subject = o.subject AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2))
ORDER BY o.known_at LIMIT $3`,
    values: [before, now, limit],
  })
  return rows.map(({ subject }) => subject)
}

const directoryRow = 1

/** Whether the identity provider let this service follow its people when it last said so; null: it never did. */
export async function wasFollowed({ prisma }: Database): Promise<boolean | null> {
  const state = await prisma.directoryState.findUnique({ where: { id: directoryRow } })
  return state?.followed ?? null
}

export async function rememberFollowed(db: Database, followed: boolean): Promise<void> {
  await db.write((tx) =>
    tx.directoryState.upsert({
      where: { id: directoryRow },
      create: { id: directoryRow, followed },
      update: { followed },
    }),
  )
}
