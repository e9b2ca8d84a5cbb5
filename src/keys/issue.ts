import type { Actor } from '../audit/actor.js'
import { challengeForRights } from '../auth/scope-challenge.js'
import type { InvalidMember } from '../problems/input-faults.js'
import { Problem } from '../problems/problem.js'
import type { CreateKey } from '../schemas/key.js'
import { insertKey, type JsonObject, type KeyRow, type NewKey } from '../store/keys.js'
import { holdEntries } from '../store/services.js'
import type { Tx } from '../store/transaction.js'
import { refreshCallerFor, rememberCaller, requireCaller } from './caller.js'
import { recordChange, requirePlace } from './change.js'
import { dayMs, type KeyContext, type KeyPolicy, requireMayLiveForEver } from './context.js'
import { requireSwitchedOn } from './key-switch.js'
import { findScopeFaults, inherit, missingRights } from './scopes.js'
import { requireKeepable } from './storable-json.js'
import { makeValue } from './stored-value.js'
import { newKeyId } from './value.js'

/**
 * Makes a key for the caller.
 * @returns the key, and the value that is never to be had again
 * @throws Problem name_taken, key_limit_reached, never_expires_not_allowed, insufficient_scope, validation_failed, keys_disabled
 */
export async function issueKey(
  context: KeyContext,
  actor: Actor,
  wanted: CreateKey,
): Promise<{ key: KeyRow; value: string }> {
  if (wanted.never_expires) requireMayLiveForEver(context)
  requireSense(wanted, context.policy)
  const { db, policy, clock, random } = context
  const { principal } = actor
  if (!wanted.scopes.includes(inherit)) await refreshCallerFor(context, principal, wanted.scopes)
  const id = newKeyId(random)
  const { value, stored } = await makeValue(context, { id, jwt: wanted.jwt })
  let isOwnerChanged = false
  try {
    const key = await db.write(async (tx) => {
      isOwnerChanged = await rememberCaller(tx, context, principal)
      await requireSwitchedOn(tx, context.keySwitch)
      const owner = await requireCaller(tx, principal)
      // Read while the owner is locked, so that later keys have later times.
      const now = new Date(clock())
      requireRights(wanted.scopes, owner.rights)
      await requirePlace(tx, context, { ownerSubject: owner.subject, name: wanted.name, now })
      const groups = await holdDefaultGroups(tx, policy)
      const row = { ...asRow(wanted, { id, ownerSubject: owner.subject, now, policy }), groups }
      const details = { name: wanted.name, scopes: wanted.scopes }
      await recordChange(tx, actor, { key: row, action: 'key.created', details, now })
      return insertKey(tx, row, stored)
    })
    return { key, value }
  } finally {
    context.invalidateKey(id)
    context.owners.noteUse(principal.subject)
    // Also where nobody knows whether it was done.
    if (isOwnerChanged) context.invalidateOwner(principal.subject)
  }
}

/** @throws Problem unavailable for a group that a replica with other settings has deleted: the key would open nothing */
export async function holdDefaultGroups(tx: Tx, { defaultGroups }: KeyPolicy): Promise<string[]> {
  const { unknownGroups } = await holdEntries(tx, { groups: defaultGroups, services: [] })
  if (unknownGroups.length === 0) return [...defaultGroups]
  const cause = new Error(`DEFAULT_KEY_GROUPS names what is not there: ${unknownGroups.join(', ')}`)
  throw new Problem('unavailable', { cause })
}

/** What the schema cannot say: members that contradict each other or the operator's rules. */
export function requireSense(wanted: CreateKey, policy: KeyPolicy): void {
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

export function asRow(
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
    jwt: wanted.jwt,
    allowedReferers: wanted.allowed_referers,
    allowedIps: wanted.allowed_ips,
    // Parsed from JSON and checked by requireKeepable.
    config: wanted.config as JsonObject,
  }
}
