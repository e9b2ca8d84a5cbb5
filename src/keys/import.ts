import type { Actor } from '../audit/actor.js'
import { valueOfPair } from '../auth/key-shape.js'
import { Problem } from '../problems/problem.js'
import {
  deleteValue,
  hasValue,
  isIdTaken,
  type KeyRow,
  replaceValue,
  type StoredValue,
} from '../store/keys.js'
import type { Tx } from '../store/transaction.js'
import { recordChange } from './change.js'
import type { KeyContext } from './context.js'
import { requireRoomForOldValue } from './rotate.js'
import { sealSecret } from './stored-value.js'
import { hashValue, keyIdPattern, newKeyId } from './value.js'

/** How the key of an HMAC is made of a secret: both are in the wild. */
export type SecretEncoding = 'utf8' | 'base64'

/** A secret that was made elsewhere. */
export interface ImportedSecret {
  secret: string
  /** Of the secret, when it signs JWTs. */
  secretEncoding: SecretEncoding
}

/** What an administrator brings along of a key. */
export type Import =
  | ({ kind: 'pair'; id: string; jwt: boolean } & ImportedSecret)
  /** The SHA-256 of a value that nobody here ever sees, in hex or base64url; without an id of its own it gets one. */
  | { kind: 'hash'; id?: string; valueSha256: string }

/** What is stored of an imported key beside what every key has. */
export interface PreparedImport {
  id: string
  imported: true
  jwt: boolean
  stored: StoredValue
}

const minSecretLength = 32
const minHmacKeyBytes = 16

/**
 * Looks at what shall be imported, and makes what is stored of it; writes nothing.
 *
 * An imported pair is presented as it is, or as one value: the id, a colon, the secret.
 * @throws Problem validation_failed naming `id`, `secret`, `value_sha256` or `jwt`
 */
export async function prepareImport(context: KeyContext, wanted: Import): Promise<PreparedImport> {
  const id = wanted.id ?? newKeyId(context.random)
  const faults = keyIdPattern.test(id)
    ? []
    : [{ path: 'id', message: 'must be 1 to 64 of A-Z a-z 0-9 . - and not dots alone' }]
  if (wanted.kind === 'pair') {
    const stored = await storePair(context, { ...wanted, id }, faults)
    return { id, imported: true, jwt: wanted.jwt, stored }
  }
  const hash = readSha256(wanted.valueSha256)
  if (hash === null) faults.push({ path: 'value_sha256', message: 'must be a SHA-256 in hex or base64url' })
  if (hash === null || faults.length > 0) throw new Problem('validation_failed', { errors: faults })
  return { id, imported: true, jwt: false, stored: { hash, sealedSecret: null } }
}

/**
 * Makes sure that neither the id nor the value is there yet; in the transaction that inserts the key.
 * @throws Problem id_taken
 */
export async function requireNew(tx: Tx, { id, stored }: PreparedImport): Promise<void> {
  if (await isIdTaken(tx, id)) throw new Problem('id_taken')
  await requireNewValue(tx, stored.hash)
}

async function requireNewValue(tx: Tx, hash: Buffer): Promise<void> {
  if (!(await hasValue(tx, hash))) return
  throw new Problem('id_taken', { detail: 'Another key has this value already.' })
}

/**
 * Gives an imported key another secret that was made elsewhere, in a transaction that holds the key's owner. The one
 * before works until the end of the grace. Call `context.invalidateKey` afterwards.
 * @throws Problem validation_failed for a key that was not imported and for a secret that does not serve, id_taken
 */
export async function setImportedSecret(
  tx: Tx,
  { context, actor, key, now }: { context: KeyContext; actor: Actor; key: KeyRow; now: Date },
  { graceSeconds, ...wanted }: ImportedSecret & { graceSeconds: number },
): Promise<KeyRow> {
  if (!key.imported) {
    const message = 'may only be set of a key that was imported: rotate this one'
    throw new Problem('validation_failed', { errors: [{ path: 'secret', message }] })
  }
  if (graceSeconds > 0) requireRoomForOldValue(key, now)
  const value = await storePair(context, { id: key.id, jwt: key.jwt, ...wanted }, [])
  // The same secret again, as when only its encoding was wrong.
  await deleteValue(tx, key.id, value.hash)
  await requireNewValue(tx, value.hash)
  const details = { grace_seconds: graceSeconds }
  await recordChange(tx, actor, { key, action: 'key.secret_set', details, now })
  return replaceValue(tx, key.id, {
    value,
    oldValidUntil: new Date(now.getTime() + graceSeconds * 1000),
    now,
  })
}

type Faults = { path: string; message: string }[]

async function storePair(
  { policy, sealer }: KeyContext,
  { id, secret, secretEncoding, jwt }: { id: string; jwt: boolean } & ImportedSecret,
  faults: Faults,
): Promise<StoredValue> {
  const hmacKey = Buffer.from(secret, secretEncoding)
  const message = findSecretFault(secret, hmacKey, policy.allowWeakSecrets)
  const value = valueOfPair(id, secret, policy.prefix)
  // One that reads as a value of ours would be looked for under its id, and never by its hash.
  const looksOurs = value !== `${id}:${secret}`
  if (message !== null) faults.push({ path: 'secret', message })
  else if (looksOurs) faults.push({ path: 'secret', message: 'must not be a secret that this service made' })
  if (faults.length > 0) throw new Problem('validation_failed', { errors: faults })
  return { hash: hashValue(value), sealedSecret: jwt ? await sealSecret(sealer, id, hmacKey) : null }
}

/** What is wrong with a secret, never quoting it; null: nothing. */
function findSecretFault(secret: string, hmacKey: Buffer, allowWeak: boolean): string | null {
  // As it travels in a header, where a blank at an end would be lost.
  if (!/^[!-~]{1,512}$/.test(secret)) return 'must be 1 to 512 visible ASCII characters'
  if (hmacKey.length === 0) return 'must hold something in this encoding'
  if (allowWeak) return null
  if (secret.length < minSecretLength) return `must have at least ${minSecretLength} characters`
  if (hmacKey.length < minHmacKeyBytes) return `must hold at least ${minHmacKeyBytes} bytes in this encoding`
  return null
}

function readSha256(text: string): Buffer | null {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex')
  return /^[A-Za-z0-9_-]{43}=?$/.test(text) ? Buffer.from(text, 'base64url') : null
}
