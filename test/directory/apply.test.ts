import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { applySightings, type Sighting } from '../../src/directory/apply.js'
import type { Database } from '../../src/store/database.js'
import { openTestDatabase } from '../support/database.js'
import { addManyKeys } from '../support/many-keys.js'

// Many rows are made first, and other test files share the machine.
vi.setConfig({ testTimeout: 60_000 })

/** Two seconds on an idle machine. One person at a time took a minute and a half there. */
const patienceMs = 20_000

let db: Database
beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db.close())
beforeEach(async () => {
  await db.prisma.apiKey.deleteMany()
  await db.prisma.owner.deleteMany()
  await db.prisma.auditEvent.deleteMany()
})

async function addPeople(count: number): Promise<string[]> {
  await db.prisma.$executeRaw`
    INSERT INTO owners (subject, kind, login, rights, known_at)
    SELECT 'person' || n, 'user', 'person' || n, ARRAY[]::text[], now() - interval '1 day'
    FROM generate_series(1, ${count}::int) n`
  return Array.from({ length: count }, (_, at) => `person${at + 1}`)
}

const now = new Date('2026-11-29T12:00:00.000Z')
const gone = (subject: string): Sighting => ({ subject, person: null, at: now })
async function apply(policy: 'suspend' | 'revoke', sightings: Sighting[]): Promise<string[]> {
  const heard: string[] = []
  await applySightings({ db, policy, now, onChange: ({ subject }) => heard.push(subject) }, sightings)
  return heard
}

describe('people who are disabled', () => {
  test('are written in seconds when they are 10,000 at once, each with a line of the ledger', async () => {
    const subjects = await addPeople(10_000)
    await db.prisma.owner.update({ where: { subject: 'person7' }, data: { enabled: false } })

    const begun = performance.now()
    const heard = await apply('suspend', subjects.map(gone))
    const ms = performance.now() - begun

    expect(ms).toBeLessThan(patienceMs)
    expect(heard).toHaveLength(9_999)
    expect(await db.prisma.owner.count({ where: { enabled: true } })).toBe(0)
    const lines = await db.prisma.auditEvent.findMany({ where: { action: 'owner.deleted' } })
    expect(new Set(lines.map(({ ownerSubject }) => ownerSubject)).size).toBe(9_999)
    expect(lines[0]).toMatchObject({ at: now, actorLogin: 'directory', via: 'directory', actorKeyId: null })
  })

  test('lose 10,000 working keys in seconds where the policy says so', async () => {
    const [subject = '', other = ''] = await addPeople(2)
    const ids = await addManyKeys(db, subject, 10_000)
    const earlier = new Date('2026-11-01T00:00:00.000Z')
    await db.prisma.apiKey.update({
      where: { id: ids[0] ?? '' },
      data: { revokedAt: earlier, revokedBy: 'owner' },
    })

    const begun = performance.now()
    await apply('revoke', [gone(subject)])
    const ms = performance.now() - begun

    expect(ms).toBeLessThan(patienceMs)
    expect(await db.prisma.apiKey.count({ where: { revokedAt: now } })).toBe(9_999)
    expect(await db.prisma.auditEvent.count({ where: { action: 'key.revoked' } })).toBe(9_999)
    // Keys that their owner had revoked stay the owner's.
    expect(await db.prisma.apiKey.findUnique({ where: { id: ids[0] ?? '' } })).toMatchObject({
      revokedAt: earlier,
      revokedBy: 'owner',
    })
    expect(await db.prisma.owner.findUnique({ where: { subject: other } })).toMatchObject({ enabled: true })
  })
})
