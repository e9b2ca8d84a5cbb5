import type { Actor } from '../audit/actor.js'
import { serverSubject } from '../auth/own-subjects.js'
import { Problem } from '../problems/problem.js'
import { lockOwner, lockServerNames } from '../store/owners.js'
import type { Tx } from '../store/transaction.js'
import { requireCaller } from './caller.js'
import { requirePlace } from './change.js'
import type { KeyContext } from './context.js'
import { makeServerUser } from './server-user.js'

/** Whose a new key becomes. A key for a server gets a server user of its own, whose rights are the key's scopes. */
export type NewKeyOwner = { kind: 'caller' } | { kind: 'person'; subject: string } | { kind: 'server' }

export interface LockedOwner {
  kind: 'user' | 'server'
  subject: string
  /** The rights that the key may have at most; null: an administrator decides. */
  rights: readonly string[] | null
}

/**
 * Locks whoever the key becomes, or for a server the names of all server keys.
 * @throws Problem invalid_credential, not_found for the caller; validation_failed for a person who is not known
 */
export async function lockNewOwner(
  tx: Tx,
  actor: Actor,
  owner: NewKeyOwner,
  keyId: string,
): Promise<LockedOwner> {
  switch (owner.kind) {
    case 'caller': {
      const { subject, rights } = await requireCaller(tx, actor.principal)
      return { kind: 'user', subject, rights }
    }
    case 'person':
      await requirePerson(tx, owner.subject)
      return { kind: 'user', subject: owner.subject, rights: null }
    case 'server':
      await lockServerNames(tx)
      return { kind: 'server', subject: serverSubject(keyId), rights: null }
    default:
      return owner satisfies never
  }
}

/**
 * Makes sure that the owner may have one more key of that name, and makes the server user of a server's key.
 * @throws Problem name_taken, key_limit_reached
 */
export async function makePlace(
  tx: Tx,
  context: KeyContext,
  { kind, subject }: LockedOwner,
  { name, scopes }: { name: string; scopes: string[] },
  now: Date,
): Promise<void> {
  if (kind === 'user') await requirePlace(tx, context, { ownerSubject: subject, name, now })
  else await makeServerUser(tx, { subject, login: name, rights: scopes, now })
}

async function requirePerson(tx: Tx, subject: string): Promise<void> {
  const owner = await lockOwner(tx, subject)
  if (owner?.kind === 'user') return
  const message = 'is nobody who is known here: a person is once they have logged in'
  throw new Problem('validation_failed', { errors: [{ path: 'owner', message }] })
}
