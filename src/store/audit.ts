import type { Database } from './database.js'
import type { AuditEvent, Prisma } from './generated/client.js'
import type { Tx } from './transaction.js'

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

/** Writes any number of lines in one statement; otherwise like `addAuditEntry`. */
export async function addAuditEntries(tx: Tx, entries: readonly AuditEntry[]): Promise<void> {
  const rows = entries.map(({ actor, ...entry }) => ({
    ...{ at: entry.at, actor_subject: actor.subject, actor_login: actor.login, via: actor.via },
    ...{ actor_key_id: actor.keyId ?? null, action: entry.action, target_id: entry.targetId },
    ...{ owner_subject: entry.ownerSubject, address: entry.address, request_id: entry.requestId },
    details: entry.details,
  }))
  await tx.$executeRaw`
    INSERT INTO audit_events
      (at, actor_subject, actor_login, via, actor_key_id, action, target_id, owner_subject, address, request_id, details)
    SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS entry (at timestamptz, actor_subject text,
      actor_login text, via text, actor_key_id text, action text, target_id text, owner_subject text, address text,
      request_id text, details jsonb)`
}

/**
 * Finds when a person made a change of their own keys, the `nth` one counted back from now.
 * @returns null when they made fewer after `since`
 */
export async function findOwnChange(
  tx: Tx,
  { subject, since, nth }: { subject: string; since: Date; nth: number },
): Promise<Date | null> {
  // The conditions are those of the partial index that the migration own_changes makes, and must be spelled as there.
  const [row] = await tx.$queryRaw<{ at: Date }[]>`
    SELECT at FROM audit_events
    WHERE owner_subject = ${subject} AND at > ${since} AND actor_subject = owner_subject
      AND action IN ('key.created', 'key.linked', 'key.renewed', 'key.rotated')
    ORDER BY at DESC OFFSET ${nth - 1} LIMIT 1`
  return row?.at ?? null
}

export type AuditRow = AuditEvent

export interface AuditFilter {
  /** Subject or login. */
  actor?: string | undefined
  action?: string | undefined
  targetId?: string | undefined
  ownerSubject?: string | undefined
  from?: Date | undefined
  /** Not included. */
  to?: Date | undefined
  limit: number
  /** The last line of the page before. */
  beforeId: bigint | null
}

/** The newest first. */
export const listAuditEvents = ({ prisma }: Database, filter: AuditFilter): Promise<AuditRow[]> =>
  prisma.auditEvent.findMany({ where: whereAudit(filter), orderBy: { id: 'desc' }, take: filter.limit })

function whereAudit({ actor, from, to, beforeId, ...filter }: AuditFilter): Prisma.AuditEventWhereInput {
  const { action, targetId, ownerSubject } = filter
  return {
    ...(action === undefined ? {} : { action }),
    ...(targetId === undefined ? {} : { targetId }),
    ...(ownerSubject === undefined ? {} : { ownerSubject }),
    ...(actor === undefined ? {} : { OR: [{ actorSubject: actor }, { actorLogin: actor }] }),
    ...(from === undefined && to === undefined
      ? {}
      : { at: { ...(from && { gte: from }), ...(to && { lt: to }) } }),
    ...(beforeId === null ? {} : { id: { lt: beforeId } }),
  }
}
