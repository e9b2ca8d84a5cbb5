import { isDeepStrictEqual } from 'node:util'
import { type Actor, describeActor } from '../audit/actor.js'
import { ownSubjects } from '../auth/own-subjects.js'
import { Problem } from '../problems/problem.js'
import { addAuditEntries } from '../store/audit.js'
import type { Database } from '../store/database.js'
import type { JsonObject } from '../store/keys.js'
import { changeRegistry, type DeclaredBy, notifyRegistry } from '../store/services.js'
import type { Tx } from '../store/transaction.js'
import type { ServiceRegistry, TargetPolicy } from './types.js'

/** What every change of groups and services needs. */
export interface ServiceContext {
  db: Database
  registry: ServiceRegistry
  /** Milliseconds since the epoch. */
  clock: () => number
  targets: TargetPolicy
  /** Groups that new keys are made for, which therefore stay. */
  defaultGroups: readonly string[]
}

/** Who changed an entry, for the ledger. */
export type Author = ReturnType<typeof describeActor> | typeof fileAuthor

/** The file of services is nobody's request. */
export const fileAuthor = {
  actor: { subject: ownSubjects.servicesFile, login: 'SERVICES_FILE', via: 'file' },
  address: '',
  requestId: '',
}

export const authorOf = (actor: Actor): Author => describeActor(actor)

export interface EntryChange {
  action: `${'group' | 'service'}.${'created' | 'updated' | 'deleted'}`
  id: string
  details: JsonObject
}

/** Notes a change for the ledger. The lines are written together, at the end of the transaction. */
export type Record = (change: EntryChange) => void

/**
 * Changes the registry in one transaction. Its answer may go out when this resolves: the change holds from the next
 * request on. The other replicas hear of it.
 * @throws StoreUnavailable, also when it was stored but could not be read again, and what `work` throws
 */
export async function changeEntries<T>(
  { db, registry, clock }: ServiceContext,
  author: Author,
  work: (tx: Tx, record: Record, now: Date) => Promise<T>,
): Promise<T> {
  let mayHaveChanged = false
  try {
    return await changeRegistry(db, async (tx) => {
      const changes: EntryChange[] = []
      const now = new Date(clock())
      const result = await work(tx, (change) => void changes.push(change), now)
      mayHaveChanged = changes.length > 0
      if (mayHaveChanged) {
        const lines = changes.map(({ action, id, details }) => ({ action, targetId: id, details }))
        await addAuditEntries(
          tx,
          lines.map((line) => ({ ...author, at: now, ownerSubject: '', ...line })),
        )
        await notifyRegistry(tx)
      }
      return result
    })
  } finally {
    // Also where nobody knows whether it was done; not when the database was away all along: what is known goes on.
    if (mayHaveChanged) await registry.refresh()
  }
}

/** @throws Problem not_found · set_by_file for an entry that the file made */
export function requireChangeable<T extends { declaredBy: DeclaredBy }>(entry: T | null): T {
  if (entry === null) throw new Problem('not_found')
  if (entry.declaredBy === 'file') throw new Problem('set_by_file')
  return entry
}

/** The members of `after` that `before` has otherwise. */
export function findChanges<T extends object>(before: T, after: T): JsonObject {
  const changed = Object.entries(after).filter(
    // In any order of their own members, which the database does not keep.
    ([member, value]) => !isDeepStrictEqual(value, Reflect.get(before, member)),
  )
  return Object.fromEntries(changed) // Of rows and descriptors, which are JSON.
}
