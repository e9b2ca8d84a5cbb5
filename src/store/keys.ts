import { randomInt } from 'node:crypto'
import type { Database } from './database.js'
import type { Prisma } from './generated/client.js'
import type { Tx } from './transaction.js'

/** What a JSON column keeps. */
export type JsonObject = Prisma.InputJsonObject

const everything = { owner: true, usage: true, values: true } satisfies Prisma.ApiKeyInclude

/** A key with its owner, its counters and the hashes of its values. */
export type KeyRow = Prisma.ApiKeyGetPayload<{ include: typeof everything }>
export type KeyChanges = Prisma.ApiKeyUncheckedUpdateInput
export type NewKey = Prisma.ApiKeyUncheckedCreateInput

/** One query after the other: a transaction has one connection, and Prisma would ask for all parts at once. */
export async function findKey(tx: Tx, id: string): Promise<KeyRow | null> {
  const key = await tx.apiKey.findUnique({ where: { id }, include: { owner: true } })
  if (key === null) return null
  const usage = await tx.apiKeyUsage.findUnique({ where: { keyId: id } })
  const values = await tx.apiKeyValue.findMany({ where: { keyId: id } })
  return { ...key, usage, values }
}

/** The keys of these ids that exist, in the order of the ids. */
export async function findKeys(tx: Tx, ids: readonly string[]): Promise<KeyRow[]> {
  const where = { keyId: { in: [...ids] } }
  const keys = await tx.apiKey.findMany({ where: { id: { in: [...ids] } }, include: { owner: true } })
  const usages = new Map((await tx.apiKeyUsage.findMany({ where })).map((usage) => [usage.keyId, usage]))
  const values = await tx.apiKeyValue.findMany({ where })
  const found = new Map(
    keys.map((key) => {
      const own = values.filter(({ keyId }) => keyId === key.id)
      return [key.id, { ...key, usage: usages.get(key.id) ?? null, values: own }] as const
    }),
  )
  return ids.flatMap((id) => found.get(id) ?? [])
}

/** @throws when the key is not there, which the transaction has made sure of */
async function requireKey(tx: Tx, id: string): Promise<KeyRow> {
  const key = await findKey(tx, id)
  if (key === null) throw new Error(`The key ${id} is gone within a transaction that holds it`)
  return key
}

/** What is stored of a value. */
export interface StoredValue {
  /** Its SHA-256. */
  hash: Buffer
  /** What it signs JWTs with; null: nothing. */
  sealedSecret: string | null
}

/** Where its links begin, each key says for itself: those of a deleted one are not for the next that is imported under its id. */
const firstGenerations = 2 ** 30

export async function insertKey(
  tx: Tx,
  key: NewKey & { createdAt: Date },
  { hash, sealedSecret }: StoredValue,
): Promise<KeyRow> {
  await tx.apiKey.create({ data: { linkGeneration: randomInt(firstGenerations), ...key } })
  await tx.apiKeyValue.create({
    data: { hash: toBytes(hash), keyId: key.id, createdAt: key.createdAt, sealedSecret },
  })
  return requireKey(tx, key.id)
}

export async function updateKey(tx: Tx, id: string, changes: KeyChanges): Promise<KeyRow> {
  await tx.apiKey.update({ where: { id }, data: changes })
  return requireKey(tx, id)
}

export async function deleteKey(tx: Tx, id: string): Promise<void> {
  await tx.apiKey.delete({ where: { id } })
}

/**
 * Makes `value` the current one. The one before works until `oldValidUntil`, and none that is older for longer;
 * those past their grace go, and so do all links.
 */
export async function replaceValue(
  tx: Tx,
  keyId: string,
  { value, oldValidUntil, now }: { value: StoredValue; oldValidUntil: Date; now: Date },
): Promise<KeyRow> {
  await tx.apiKeyValue.updateMany({ where: { keyId, validUntil: null }, data: { validUntil: oldValidUntil } })
  await endOldValues(tx, keyId, oldValidUntil)
  await tx.apiKeyValue.deleteMany({ where: { keyId, validUntil: { lte: now } } })
  const { hash, sealedSecret } = value
  await tx.apiKeyValue.create({ data: { hash: toBytes(hash), keyId, createdAt: now, sealedSecret } })
  return updateKey(tx, keyId, { linkGeneration: { increment: 1 } })
}

/** No old value of the key works after that moment. */
export async function endOldValues(tx: Tx, keyId: string, validUntil: Date): Promise<void> {
  await tx.apiKeyValue.updateMany({ where: { keyId, validUntil: { gt: validUntil } }, data: { validUntil } })
}

/** Until the transaction ends nobody else imports, so that what is new stays so. */
export async function lockImports(tx: Tx): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('latchkey imports'))`
}

export async function isIdTaken(tx: Tx, id: string): Promise<boolean> {
  return (await tx.apiKey.count({ where: { id } })) > 0
}

export async function deleteValue(tx: Tx, keyId: string, hash: Buffer): Promise<void> {
  await tx.apiKeyValue.deleteMany({ where: { keyId, hash: toBytes(hash) } })
}

/** Whether any key has this value, or had it. */
export async function hasValue(tx: Tx, hash: Buffer): Promise<boolean> {
  return (await tx.apiKeyValue.count({ where: { hash: toBytes(hash) } })) > 0
}

/**
 * Whether another key of the owner has this name. Compares in NFC, because names of earlier releases may not be in it.
 * @param name in NFC
 */
export async function isNameTaken(
  tx: Tx,
  { ownerSubject, name, exceptId = '' }: { ownerSubject: string; name: string; exceptId?: string },
): Promise<boolean> {
  // Compared here, because PostgreSQL's own normalize() wants a database in UTF-8. Text of ASCII alone is in NFC.
  const others = await tx.$queryRaw<{ name: string }[]>`
    SELECT name FROM api_keys
    WHERE owner_subject = ${ownerSubject} AND id <> ${exceptId} AND (name = ${name} OR name ~ '[^ -~]')`
  return others.some((other) => other.name.normalize('NFC') === name)
}

/** Keys of an owner that are neither revoked nor expired, not counting `exceptId`. Exact while the owner is locked. */
export const countWorkingKeys = (
  tx: Tx,
  ownerSubject: string,
  now: Date,
  exceptId?: string,
): Promise<number> =>
  tx.apiKey.count({
    where: {
      ownerSubject,
      revokedAt: null,
      OR: [{ expiresAt: null }, { expiresAt: { gt: now } }],
      ...(exceptId === undefined ? {} : { id: { not: exceptId } }),
    },
  })

export interface KeyPosition {
  createdAt: Date
  id: string
}

export interface KeyFilter {
  /** Left out: of all owners. */
  ownerSubject?: string | undefined
  kind?: 'user' | 'server' | undefined
  /** A service group that the key names. */
  group?: string | undefined
  /** Part of its name, its note, its owner's login or its id, in any case. */
  text?: string | undefined
  status?: 'revoked' | 'owner_disabled' | 'disabled' | 'expired' | 'active' | undefined
  now: Date
  limit: number
  /** The last key of the page before. */
  after: KeyPosition | null
}

/** Newest first. */
export const listKeys = ({ prisma }: Database, filter: KeyFilter): Promise<KeyRow[]> =>
  prisma.apiKey.findMany({
    where: {
      ...(filter.ownerSubject === undefined ? {} : { ownerSubject: filter.ownerSubject }),
      ...(filter.kind === undefined ? {} : { owner: { kind: filter.kind } }),
      ...(filter.group === undefined ? {} : { groups: { has: filter.group } }),
      AND: [whereStatus(filter.status, filter.now), whereAfter(filter.after), whereText(filter.text)],
    },
    include: everything,
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: filter.limit,
  })

const whereAfter = (after: KeyPosition | null): Prisma.ApiKeyWhereInput =>
  after === null
    ? {}
    : {
        OR: [{ createdAt: { lt: after.createdAt } }, { createdAt: after.createdAt, id: { lt: after.id } }],
      }

function whereText(text: string | undefined): Prisma.ApiKeyWhereInput {
  if (text === undefined) return {}
  // Prisma leaves these as they are, and they would match anything.
  const contains = { contains: text.replace(/[\\%_]/g, '\\$&'), mode: 'insensitive' } as const
  return { OR: [{ name: contains }, { note: contains }, { id: contains }, { owner: { login: contains } }] }
}

/** The same order of precedence as `keys/status.ts`, in SQL. */
function whereStatus(status: KeyFilter['status'], now: Date): Prisma.ApiKeyWhereInput {
  const owned = { revokedAt: null, owner: { enabled: true } }
  const expired = { expiresAt: { lte: now } }
  switch (status) {
    case undefined:
      return {}
    case 'revoked':
      return { revokedAt: { not: null } }
    case 'owner_disabled':
      return { revokedAt: null, owner: { enabled: false } }
    case 'disabled':
      return { ...owned, enabled: false }
    case 'expired':
      return { ...owned, enabled: true, ...expired }
    case 'active':
      return { ...owned, enabled: true, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] }
    default:
      return status satisfies never
  }
}

/** What the check needs to know of a key. */
export interface VerificationRow {
  id: string
  enabled: boolean
  expires_at: Date | null
  revoked_at: Date | null
  link_generation: number
  scopes: string[]
  read_only: boolean
  allowed_referers: string[]
  allowed_ips: string[]
  config: Record<string, unknown>
  groups: string[]
  services: string[]
  limit_per_second: number | null
  limit_per_day: number | null
  limit_per_month: number | null
  imported: boolean
  hashes: Buffer[]
  /** As `hashes`; null for the current value. */
  valid_untils: (Date | null)[]
  /** As `hashes`; null: the key signs no JWTs. */
  sealed_secrets: (string | null)[] | null
  subject: string
  kind: 'user' | 'server'
  login: string
  owner_name: string | null
  email: string | null
  rights: string[]
  attributes: Record<string, unknown>
  owner_enabled: boolean
  known_at: Date
  owner_limit_per_second: number | null
  owner_limit_per_day: number | null
  owner_limit_per_month: number | null
  /** Whether keys are switched off altogether. */
  keys_off: boolean
}

// One prepared statement on the driver: measured, it costs less than two thirds of the CPU of Prisma's
// findUnique, and this is the query that a first use of a key waits for.
const verificationQuery = `
SELECT k.id, k.enabled, k.expires_at, k.revoked_at, k.link_generation, k.scopes, k.read_only, k.allowed_referers,
  k.allowed_ips, k.config, k.groups, k.services, k.limit_per_second, k.limit_per_day, k.limit_per_month, k.imported,
  ARRAY(SELECT v.hash FROM api_key_values v WHERE v.key_id = k.id ORDER BY v.created_at DESC, v.hash) AS hashes,
  ARRAY(SELECT v.valid_until FROM api_key_values v WHERE v.key_id = k.id ORDER BY v.created_at DESC, v.hash) AS valid_untils,
  CASE WHEN k.jwt THEN ARRAY(
    SELECT v.sealed_secret FROM api_key_values v WHERE v.key_id = k.id ORDER BY v.created_at DESC, v.hash
  ) END AS sealed_secrets,
  o.subject, o.kind, o.login, o.name AS owner_name, o.email, o.rights, o.attributes, o.enabled AS owner_enabled,
  o.known_at, o.limit_per_second AS owner_limit_per_second, o.limit_per_day AS owner_limit_per_day,
  o.limit_per_month AS owner_limit_per_month,
  EXISTS (SELECT FROM providers WHERE name = 'api-key' AND disabled) AS keys_off
FROM api_keys k JOIN owners o ON o.subject = k.owner_subject
WHERE k.id = ANY($1)`

/** The keys of these ids that exist, in no order. */
export const findKeysToVerify = (db: Database, ids: readonly string[]): Promise<VerificationRow[]> =>
  db.query<VerificationRow>({ name: 'find-keys-to-verify', text: verificationQuery, values: [ids] })

/** A value of an imported key. */
export interface ImportedValue {
  hash: Buffer
  key_id: string
}

/**
 * The imported keys that have these values.
 * @param hashes of one byte a character
 */
export const findImportedValues = (db: Database, hashes: readonly string[]): Promise<ImportedValue[]> =>
  db.query<ImportedValue>({
    name: 'find-imported-values',
    text: `SELECT v.hash, v.key_id FROM api_key_values v JOIN api_keys k ON k.id = v.key_id
WHERE v.hash = ANY($1) AND k.imported`,
    values: [hashes.map((hash) => Buffer.from(hash, 'latin1'))],
  })

export async function hasImportedKeys(db: Database): Promise<boolean> {
  const [found] = await db.query<{ found: boolean }>({
    name: 'has-imported-keys',
    text: 'SELECT EXISTS (SELECT 1 FROM api_keys WHERE imported) AS found',
    values: [],
  })
  return found?.found === true
}

/** Prisma wants bytes over a buffer of their own. */
export const toBytes = (buffer: Buffer): Uint8Array<ArrayBuffer> => new Uint8Array(buffer)
