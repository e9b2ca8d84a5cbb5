import type { Database } from '../../src/store/database.js'
import type { Prisma } from '../../src/store/generated/client.js'

/** A row that needs no other row: what the tests of the database itself write. */
export function aSession(
  name: string,
  facts: Partial<Prisma.SessionCreateInput> = {},
): Prisma.SessionCreateInput {
  const createdAt = new Date('2026-11-21T12:00:00.000Z')
  return { idHash: Buffer.from(name), subject: 'ada', data: {}, createdAt, expiresAt: createdAt, ...facts }
}

/** Stores a session the way everything is stored: resolved means stored. */
export async function writeSession(database: Database, name: string): Promise<void> {
  await database.write((tx) => tx.session.create({ data: aSession(name) }))
}

/** The names of the stored sessions. */
export async function readSessionNames(database: Database): Promise<string[]> {
  const sessions = await database.prisma.session.findMany({ orderBy: { idHash: 'asc' } })
  return sessions.map((session) => Buffer.from(session.idHash).toString())
}
