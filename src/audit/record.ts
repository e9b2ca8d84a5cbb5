import { type AuditEntry, addAuditEntry } from '../store/audit.js'
import type { Tx } from '../store/transaction.js'
import { type Actor, describeActor } from './actor.js'

/** Records what an actor did to something other than a key, in the transaction of the change. */
export const record = (
  tx: Tx,
  { clock }: { clock: () => number },
  actor: Actor,
  entry: Pick<AuditEntry, 'action' | 'targetId' | 'ownerSubject' | 'details'>,
): Promise<void> => addAuditEntry(tx, { ...describeActor(actor), ...entry, at: new Date(clock()) })
