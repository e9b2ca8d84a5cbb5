import type { Prisma } from './generated/client.js'
import type { Tx } from './keys.js'

/** A line of the ledger. It must never hold a key's value. */
export interface AuditEntry {
  at: Date
  actor: { subject: string; login: string; via: string; keyId?: string }
  action: string
  targetId: string
  ownerSubject: string
  address: string
  requestId: string
  details: Prisma.InputJsonObject
}

/** Writes into the transaction of the change itself: neither is there without the other. */
export async function addAuditEntry(tx: Tx, entry: AuditEntry): Promise<void> {
  const { actor } = entry
  await tx.auditEvent.create({
    data: {
      at: entry.at,
      actorSubject: actor.subject,
      actorLogin: actor.login,
      via: actor.via,
      actorKeyId: actor.keyId ?? null,
      action: entry.action,
      targetId: entry.targetId,
      ownerSubject: entry.ownerSubject,
      address: entry.address,
      requestId: entry.requestId,
      details: entry.details,
    },
  })
}
