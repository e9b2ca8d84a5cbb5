import type { Actor } from '../audit/actor.js'
import { challengeForRights } from '../auth/scope-challenge.js'
import type { InvalidMember } from '../problems/input-faults.js'
import { Problem } from '../problems/problem.js'
import type { CreateKey } from '../schemas/key.js'
import { asLimitColumns, type LimitsDocument } from '../schemas/limits.js'
import { insertKey, type JsonObject, type KeyRow, lockImports, type NewKey } from '../store/keys.js'
import { holdEntries } from '../store/services.js'
import type { Tx } from '../store/transaction.js'
import { refreshCallerFor, rememberCaller } from './caller.js'
import { recordChange } from './change.js'
import { requireChangeAllowed } from './change-rate.js'
import { dayMs, type KeyContext, type KeyPolicy, requireMayLiveForEver } from './context.js'
import { type Import, type PreparedImport, prepareImport, requireNew } from './import.js'
import { requireSwitchedOn } from './key-switch.js'
import { lockNewOwner, makePlace, type NewKeyOwner } from './new-owner.js'
import { requireNotOwnSecret, requireNotOwnValue } from './own-value.js'
import { findScopeFaults, inherit, missingRights } from './scopes.js'
import { requireKeepable } from './storable-json.js'
import { makeValue } from './stored-value.js'
import { newKeyId } from './value.js'

/** A key to be made, or to be taken over from elsewhere. */
export interface KeyOrder {
  wanted: CreateKey
  owner: NewKeyOwner
  /** What was made elsewhere; null: the key is made here. */
  foreign: Import | null
  /** Service groups and services that the key is authorised on. A person's key that names none gets the default groups. */
  groups: readonly string[]
  services: readonly string[]
  limits: LimitsDocument
}

/** An order for a key of the caller's own. */
export const orderOwnKey = (wanted: CreateKey): KeyOrder & { foreign: null } => ({
  ...{ wanted, owner: { kind: 'caller' }, foreign: null, groups: [], services: [] },
  limits: { per_second: null, per_day: null, per_month: null },
})

type Prepared = Omit<PreparedImport, 'imported'> & { imported: boolean; value: string | null }

/**
 * Makes a key: for the caller, or as an administrator for a server or for a person.
 * @returns the key, and its value, which is not stored anywhere; null for a key that was made elsewhere
 * @throws Problem name_taken, id_taken, key_limit_reached, never_expires_not_allowed, insufficient_scope,
 *   validation_failed, keys_disabled, rate_limited
 */
export async function issueKey(
  context: KeyContext,
  actor: Actor,
  order: KeyOrder & { foreign: null },
): Promise<{ key: KeyRow; value: string }>
export async function issueKey(
  context: KeyContext,
  actor: Actor,
  order: KeyOrder,
): Promise<{ key: KeyRow; value: string | null }>
export async function issueKey(context: KeyContext, actor: Actor, order: KeyOrder) {
  const { wanted, owner } = order
  const { principal } = actor
  if (wanted.never_expires) requireMayLiveForEver(context, owner.kind === 'server' ? 'server' : 'user')
  requireSense(wanted, context.policy)
  const isForCaller = owner.kind === 'caller'
  if (isForCaller && !wanted.scopes.includes(inherit)) {
    await refreshCallerFor(context, principal, wanted.scopes)
  }
  const prepared = await prepareValue(context, order)
  let isOwnerChanged = false
  try {
    const key = await context.db.write(async (tx) => {
      isOwnerChanged = isForCaller && (await rememberCaller(tx, context, principal))
      return insertOrdered(tx, context, actor, order, prepared)
    })
    return { key, value: prepared.value }
  } finally {
    // Also where it is not known whether the transaction was committed.
    context.invalidateKey(prepared.id)
    if (isForCaller) context.owners.noteUse(principal.subject)
    if (isOwnerChanged) context.invalidateOwner(principal.subject)
  }
}

async function prepareValue(context: KeyContext, { wanted, foreign }: KeyOrder): Promise<Prepared> {
  if (foreign !== null) return { ...(await prepareImport(context, foreign)), value: null }
  const id = newKeyId(context.random)
  const { jwt } = wanted
  return { id, jwt, imported: false, ...(await makeValue(context, { id, jwt })) }
}

/** Inserts the key. The owner is locked first, as in every change of a key: another order could end in a deadlock. */
async function insertOrdered(
  tx: Tx,
  context: KeyContext,
  actor: Actor,
  order: KeyOrder,
  prepared: Prepared,
): Promise<KeyRow> {
  const { wanted, services, limits } = order
  const { id, jwt, imported } = prepared
  requireNotOwnValue(wanted, { id, hashes: [prepared.stored.hash] })
  if (order.foreign?.kind === 'pair') {
    const { groups } = order
    const texts = { ...wanted, id, groups, services, secret: undefined }
    requireNotOwnSecret(texts, { id, secret: order.foreign.secret })
  }
  await requireSwitchedOn(tx, context.keySwitch)
  const owner = await lockNewOwner(tx, actor, order.owner, id)
  if (order.groups.length + services.length > 0) await context.requireRegistered(tx, order)
  if (imported) {
    await lockImports(tx)
    await requireNew(tx, { ...prepared, imported })
  }
  // Read while the owner is locked, so that later keys have later times.
  const now = new Date(context.clock())
  await requireChangeAllowed(tx, context, actor, now)
  if (owner.rights !== null) requireRights(wanted.scopes, owner.rights)
  await makePlace(tx, context, owner, wanted, now)
  const namesNone = order.groups.length + services.length === 0
  const groups =
    owner.kind === 'user' && namesNone ? await holdDefaultGroups(tx, context.policy) : order.groups
  const row = {
    ...asRow(wanted, { id, ownerSubject: owner.subject, now, policy: context.policy }),
    ...{ groups: [...groups], services: [...services], jwt, imported },
    ...asLimitColumns(limits),
  }
  const { name, scopes } = wanted
  const bounds = { kind: owner.kind, groups: row.groups, services: row.services }
  await recordChange(tx, actor, {
    ...{ key: row, now, action: imported ? 'key.imported' : 'key.created' },
    details: { name, scopes, ...(order.owner.kind === 'caller' ? {} : bounds) },
  })
  return insertKey(tx, row, prepared.stored)
}

/** @throws Problem unavailable for a group that a replica with other settings has deleted: the key would open nothing */
async function holdDefaultGroups(tx: Tx, { defaultGroups }: KeyPolicy): Promise<readonly string[]> {
  const { unknownGroups } = await holdEntries(tx, { groups: defaultGroups, services: [] })
  if (unknownGroups.length === 0) return defaultGroups
  const cause = new Error(`DEFAULT_KEY_GROUPS names what is not there: ${unknownGroups.join(', ')}`)
  throw new Problem('unavailable', { cause })
}

/** Checks what the schema cannot say: members that contradict each other or the operator's rules. */
function requireSense(wanted: CreateKey, policy: KeyPolicy): void {
  const errors: InvalidMember[] = []
  if (wanted.never_expires && wanted.expires_in !== undefined) {
    errors.push({ path: 'expires_in', message: 'contradicts never_expires' })
  }
  if (wanted.expires_in !== undefined && wanted.expires_in > policy.maxLifetimeDays * 86_400) {
    errors.push({ path: 'expires_in', message: `must be at most ${policy.maxLifetimeDays} days` })
  }
  errors.push(...findScopeFaults(wanted.scopes))
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
  requireKeepable('config', wanted.config)
}

function requireRights(scopes: readonly string[], rights: readonly string[]): void {
  const missing = missingRights(scopes, rights)
  if (missing.length === 0) return
  throw new Problem('insufficient_scope', {
    detail: `You do not have these rights: ${missing.join(', ')}.`,
    headers: challengeForRights(scopes),
  })
}

function asRow(
  wanted: CreateKey,
  { id, ownerSubject, now, policy }: { id: string; ownerSubject: string; now: Date; policy: KeyPolicy },
): NewKey & { createdAt: Date } {
  const lifetimeMs = wanted.expires_in === undefined ? policy.lifetimeDays * dayMs : wanted.expires_in * 1000
  return {
    id,
    ownerSubject,
    name: wanted.name,
    note: wanted.note,
    createdAt: now,
    expiresAt: wanted.never_expires ? null : new Date(now.getTime() + lifetimeMs),
    scopes: wanted.scopes,
    readOnly: wanted.read_only,
    allowedReferers: wanted.allowed_referers,
    allowedIps: wanted.allowed_ips,
    // Parsed from JSON and checked by requireKeepable.
    config: wanted.config as JsonObject,
  }
}
