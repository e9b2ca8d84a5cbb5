import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { KeyringUnreadable } from '../../src/assertion/keyring.js'
import type { Database } from '../../src/store/database.js'
import { openWatchedDatabase, type WatchedDatabase } from '../support/watched-database.js'
import { aReplica, letPass, otherSecret, secret } from './world.js'

const hour = 1 / 24

let db: WatchedDatabase
beforeAll(async () => {
  db = await openWatchedDatabase()
})
afterAll(() => db.close())
beforeEach(async () => {
  db.isDown = false
  await db.prisma.signingKey.deleteMany()
})

const kids = async (database: Database = db) =>
  (await database.prisma.signingKey.findMany({ orderBy: { createdAt: 'asc' } })).map(({ kid }) => kid)
const publishedBy = ({ published }: Pick<ReturnType<typeof aReplica>, 'published'>) =>
  published()?.map(({ kid }) => kid)

test('the first key signs at once, and its public part alone is published', async () => {
  const replica = aReplica(db)

  await replica.refresh()

  expect(replica.published()).toEqual([
    {
      kid: replica.signer()?.kid,
      kty: 'EC',
      crv: 'P-256',
      x: expect.any(String),
      y: expect.any(String),
      alg: 'ES256',
      use: 'sig',
    },
  ])
})

test('nothing in the database opens without the encryption secret', async () => {
  const replica = aReplica(db)

  await replica.refresh()

  const [row] = await db.prisma.signingKey.findMany()
  expect(JSON.stringify(row)).not.toContain('"d"')
  expect(row?.sealedKey).toMatch(/^[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+$/)
})

test('the key that signed is found by its id, also one that another replica has just made', async () => {
  const [replica, other] = [aReplica(db), aReplica(db)]
  await replica.refresh()
  await other.refresh()
  await letPass(db, 31)
  await other.refresh()
  const [older = '', newer = ''] = await kids()
  expect(publishedBy(replica)).toEqual([older])

  const found = await Promise.all([older, newer, 'unknown'].map((kid) => replica.verifier(kid)))

  expect(found.map((key) => key?.type)).toEqual(['public', 'public', undefined])
})

test('unknown ids make one reading a second, however many ask', async () => {
  const replica = aReplica(db)
  await replica.refresh()
  db.asked.length = 0

  const found = await Promise.all(Array.from({ length: 100 }, (_, at) => replica.verifier(`unknown-${at}`)))
  const later = await replica.verifier('one-more')

  expect(new Set([...found, later])).toEqual(new Set([null]))
  expect(db.asked.filter(({ name }) => name === 'list-signing-keys')).toHaveLength(1)
})

test('with the database away a known id is found, and of another nobody knows', async () => {
  const [replica, newcomer] = [aReplica(db), aReplica(db)]
  await replica.refresh()
  const [kid = ''] = await kids()
  db.isDown = true

  await expect(replica.verifier('unknown')).rejects.toThrow(KeyringUnreadable)
  await expect(newcomer.verifier(kid)).rejects.toThrow(KeyringUnreadable)
  expect((await replica.verifier(kid))?.type).toBe('public')
})

test('a key that was withdrawn verifies nothing any more', async () => {
  const replica = aReplica(db)
  await replica.refresh()
  const [kid = ''] = await kids()
  expect(await replica.verifier(kid)).not.toBeNull()

  await db.prisma.signingKey.deleteMany()
  await replica.refresh()

  expect(await replica.verifier(kid)).toBeNull()
})

test('replicas that start at the same moment make one key between them', async () => {
  const replicas = Array.from({ length: 5 }, () => aReplica(db))

  await Promise.all(replicas.map(({ refresh }) => refresh()))

  const made = await kids()
  expect(made).toHaveLength(1)
  for (const { signer } of replicas) expect(signer()?.kid).toBe(made[0])
})

test('before its 30 days are over a key has no successor', async () => {
  const replica = aReplica(db)
  await replica.refresh()

  await letPass(db, 29.99)
  await replica.refresh()

  expect(await kids()).toHaveLength(1)
})

test('after 30 days the next key is published, and signs an hour later', async () => {
  const replica = aReplica(db)
  await replica.refresh()
  const old = replica.signer()?.kid

  await letPass(db, 30)
  await replica.refresh()
  const atFirst = replica.signer()?.kid
  const [, next] = await kids()
  await letPass(db, 0.99 * hour)
  await replica.refresh()
  const justBefore = replica.signer()?.kid
  await letPass(db, 0.02 * hour)
  await replica.refresh()

  expect(publishedBy(replica)).toEqual([old, next])
  expect([atFirst, justBefore, replica.signer()?.kid]).toEqual([old, old, next])
})

test('two replicas whose keys are due at once make one successor', async () => {
  const [one, two] = [aReplica(db), aReplica(db)]
  await one.refresh()
  await letPass(db, 31)

  await Promise.all([one.refresh(), two.refresh()])

  expect(await kids()).toHaveLength(2)
  expect(publishedBy(one)).toEqual(publishedBy(two))
})

test('an old key stays published for a week after its last assertion, then it goes', async () => {
  const replica = aReplica(db)
  await replica.refresh()
  const [old] = await kids()
  await letPass(db, 30)
  await replica.refresh()

  await letPass(db, hour + 6.99)
  await replica.refresh()
  const justBefore = publishedBy(replica)
  await letPass(db, 0.02)
  await replica.refresh()
  await replica.refresh()

  expect(justBefore).toContain(old)
  expect(publishedBy(replica)).not.toContain(old)
  expect(await kids()).toHaveLength(1)
})

test('a replica that was away for months goes on with the key of the others', async () => {
  const [away, present] = [aReplica(db), aReplica(db)]
  await away.refresh()
  await present.refresh()
  for (let months = 0; months < 3; months++) {
    await letPass(db, 30)
    await present.refresh()
    await letPass(db, 8)
    await present.refresh()
  }

  await away.refresh()

  expect(away.signer()?.kid).toBe(present.signer()?.kid)
  expect(publishedBy(away)).toEqual(publishedBy(present))
})

test('a key that the database dates into the future, by a clock that was set back, stops nothing', async () => {
  const replica = aReplica(db)
  await replica.refresh()
  const old = replica.signer()?.kid
  await letPass(db, 30)
  await replica.refresh()

  await letPass(db, -40)
  await replica.refresh()

  expect(replica.signer()?.kid).toBe(old)
  expect(publishedBy(replica)).toHaveLength(2)
})

describe('with the database away', () => {
  test('the keys that are known go on, and one line of the log says why', async () => {
    const replica = aReplica(db)
    await replica.refresh()
    const before = replica.signer()?.kid
    db.isDown = true

    await replica.refresh()
    await replica.refresh()

    expect(replica.signer()?.kid).toBe(before)
    expect(publishedBy(replica)).toEqual([before])
    expect(replica.log.filter((line) => line.includes('could not be read'))).toHaveLength(1)
  })

  test('a replica that starts has nothing to sign with until it is back', async () => {
    const replica = aReplica(db)
    db.isDown = true

    await replica.refresh()
    const [signer, published] = [replica.signer(), replica.published()]
    db.isDown = false
    await replica.refresh()

    expect([signer, published]).toEqual([null, null])
    expect(replica.signer()).not.toBeNull()
  })
})

describe('when the encryption secret changes', () => {
  test('what the previous secret opens goes on signing', async () => {
    const before = aReplica(db)
    await before.refresh()

    const after = aReplica(db, { secrets: [otherSecret, secret] })
    await after.refresh()

    expect(after.signer()?.kid).toBe(before.signer()?.kid)
    expect(await kids()).toHaveLength(1)
  })

  test('a replica without the secret of the others makes one key of its own, and publishes theirs', async () => {
    const before = aReplica(db)
    await before.refresh()

    const after = aReplica(db, { secrets: [otherSecret] })
    await after.refresh()
    await after.refresh()
    await before.refresh()

    expect(after.signer()?.kid).not.toBe(before.signer()?.kid)
    expect(publishedBy(after)).toEqual([before.signer()?.kid, after.signer()?.kid])
    expect(publishedBy(before)).toEqual(publishedBy(after))
    expect(after.log.filter((line) => line.includes('cannot be opened'))).toHaveLength(1)
  })

  test('a key copied over another in the database signs nothing', async () => {
    await aReplica(db).refresh()
    await db.prisma.$executeRaw`
      INSERT INTO signing_keys SELECT 'forged', public_jwk, sealed_key, created_at + interval '1 second' FROM signing_keys`

    const replica = aReplica(db)
    await letPass(db, 1)
    await replica.refresh()

    expect(replica.signer()?.kid).not.toBe('forged')
  })
})

test('without an encryption secret nothing is signed or made, the keys of others are published, and the start says so', async () => {
  const signing = aReplica(db)
  await signing.refresh()

  const replica = aReplica(db, { secrets: [] })
  await replica.start()
  await replica.close()

  expect(replica.signer()).toBeNull()
  expect(publishedBy(replica)).toEqual([signing.signer()?.kid])
  expect(replica.log.join()).toContain('KEY_ENCRYPTION_SECRET is not set')
  expect(await kids()).toHaveLength(1)
})

test('by itself it reads again and again, and a key that another replica made is published here', async () => {
  const replica = aReplica(db, { refreshMs: 10 })
  await replica.start()
  await letPass(db, 31)
  await aReplica(db).refresh()

  await expect.poll(() => publishedBy(replica)?.length).toBe(2)

  await replica.close()
  expect(replica.signer()).not.toBeNull()
})
