import type { Origin } from '../keys/context.js'
import { describeOrigin } from '../management.js'
import { type AuditEntry, addAuditEntry } from '../store/audit.js'
import type { Tx } from '../store/keys.js'
import type { AdminContext } from './context.js'

/** Writes what an administrator did to something other than a key into the ledger. */
export const record = (
  tx: Tx,
  { clock }: AdminContext,
  origin: Origin,
  entry: Pick<AuditEntry, 'action' | 'targetId' | 'ownerSubject' | 'details'>,
): Promise<void> => addAuditEntry(tx, { ...describeOrigin(origin), ...entry, at: new Date(clock()) })
