import type { Database } from './database.js'
import type { Owner, Prisma } from './generated/client.js'
import { toBytes } from './keys.js'

export interface SessionRow {
  data: Prisma.JsonValue
  expiresAt: Date
  /** Null when the person is not known any more. */
  owner: Owner | null
}

export interface NewSession {
  idHash: Buffer
  subject: string
  issuerSid: string | null
  data: Prisma.InputJsonObject
  createdAt: Date
  expiresAt: Date
}

export async function findSession(
  { prisma }: Database,
  idHash: Buffer,
  now: Date,
): Promise<SessionRow | null> {
  const session = await prisma.session.findUnique({
    where: { idHash: toBytes(idHash), expiresAt: { gt: now } },
  })
  if (session === null) return null
  const owner = await prisma.owner.findUnique({ where: { subject: session.subject } })
  return { data: session.data, expiresAt: session.expiresAt, owner }
}

/** Also clears away a few sessions that ended: the table needs no other caretaker. */
export async function insertSession(tx: Prisma.TransactionClient, session: NewSession): Promise<void> {
  await tx.$executeRaw`
    DELETE FROM sessions WHERE id_hash IN
      (SELECT id_hash FROM sessions WHERE expires_at <= ${session.createdAt} LIMIT 100 FOR UPDATE SKIP LOCKED)`
  await tx.session.create({ data: { ...session, idHash: toBytes(session.idHash) } })
}

/** Changes a session that is still there: a request in flight during a logout must not bring it back. */
export async function updateSession(
  { prisma }: Database,
  idHash: Buffer,
  data: Prisma.InputJsonObject,
): Promise<void> {
  await prisma.session.updateMany({ where: { idHash: toBytes(idHash) }, data: { data } })
}

/** For good once resolved: a power cut does not bring a logged-out session back. */
export async function deleteSession(db: Database, idHash: Buffer): Promise<void> {
  await db.write((tx) => tx.session.deleteMany({ where: { idHash: toBytes(idHash) } }))
}

/** Ends the sessions that began with one of the identity provider's, or all of a person; for good once resolved. */
export async function deleteSessions(
  db: Database,
  ended: { issuerSid: string } | { subject: string },
): Promise<void> {
  await db.write((tx) => tx.session.deleteMany({ where: ended }))
}
