import { cutPage, readCursor } from '../http/pagination.js'
import { Problem } from '../problems/problem.js'
import type { AuditEventDocument, ListAudit } from '../schemas/audit.js'
import { type AuditRow, listAuditEvents } from '../store/audit.js'
import type { Database } from '../store/database.js'

/** Lists one page of the audit events, newest first. @throws Problem validation_failed for an invalid cursor or time */
export async function listAudit({ db }: { db: Database }, query: ListAudit) {
  const { actor, action, target, owner, limit } = query
  const found = await listAuditEvents(db, {
    ...{ actor, action, targetId: target, ownerSubject: owner },
    from: readInstant('from', query.from),
    to: readInstant('to', query.to),
    limit: limit + 1,
    beforeId: readPosition(query.cursor),
  })
  const lines = found.map((row) => ({ id: String(row.id), createdAt: row.at, row }))
  const { rows, nextCursor } = cutPage(lines, limit)
  return { items: rows.map(({ row }) => describe(row)), next_cursor: nextCursor }
}

function readPosition(cursor: string | undefined): bigint | null {
  const position = readCursor(cursor)
  if (position === null) return null
  // More digits than any line will ever have are an error of the database's.
  if (/^\d{1,18}$/.test(position.id)) return BigInt(position.id)
  throw fault('cursor', 'is not a cursor of this list')
}

/** There is no year 0 in the database's calendar. */
const firstInstant = new Date('0001-01-01T00:00:00.000Z')

function readInstant(path: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const at = new Date(text)
  if (Number.isNaN(at.getTime()) || at < firstInstant) throw fault(path, 'is not a time of the calendar')
  return at
}

const fault = (path: string, message: string) =>
  new Problem('validation_failed', { errors: [{ path, message }] })

const describe = (row: AuditRow): AuditEventDocument => ({
  id: String(row.id),
  at: row.at.toISOString(),
  actor: { subject: row.actorSubject, login: row.actorLogin, key_id: row.actorKeyId },
  via: row.via,
  action: row.action,
  target: row.targetId,
  owner: row.ownerSubject,
  address: row.address,
  request_id: row.requestId,
  // Written from JSON objects only.
  details: row.details as Record<string, unknown>,
})
