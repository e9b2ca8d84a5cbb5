import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/store/database.js'
import { asStoreErrors, StoreUnavailable } from '../../src/store/unavailable.js'
import { openTestDatabase } from '../support/database.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { aSession, readSessionNames, writeSession } from '../support/sessions.js'

let database: Database

beforeEach(async () => {
  database = await openTestDatabase()
})
afterEach(() => database.close())

const askNames = {
  name: 'session-names',
  text: `SELECT convert_from(id_hash, 'UTF8') AS name FROM sessions WHERE subject = $1`,
  values: ['ada'],
}

function aSignal() {
  let give = () => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { give, given }
}

describe('writing', () => {
  test('what a transaction wrote is read by Prisma and by the prepared query', async () => {
    const result = await database.write(async (tx) => {
      await tx.session.create({ data: aSession('one') })
      return 'result'
    })

    expect(result).toBe('result')
    expect(await readSessionNames(database)).toEqual(['one'])
    expect(await database.query(askNames)).toEqual([{ name: 'one' }])
  })

  test('an error of the work undoes all of it and reaches the caller as it is', async () => {
    const refusal = new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } })

    const writing = database.write(async (tx) => {
      await tx.session.create({ data: aSession('one') })
      throw refusal
    })

    await expect(writing).rejects.toBe(refusal)
    expect(await readSessionNames(database)).toEqual([])
  })

  test('a row that is there already is no sign that the database is away', async () => {
    await writeSession(database, 'one')

    await expect(writeSession(database, 'one')).rejects.toMatchObject({ code: 'P2002' })
    await expect(database.prisma.session.create({ data: aSession('one') })).rejects.toMatchObject({
      code: 'P2002',
    })
  })

  test('direct calls of Prisma in one batch are stored together or not at all', async () => {
    const { prisma } = database

    const writing = prisma.$transaction([
      prisma.session.create({ data: aSession('one') }),
      prisma.session.create({ data: aSession('one') }),
    ])

    await expect(writing).rejects.toMatchObject({ code: 'P2002' })
    expect(await readSessionNames(database)).toEqual([])
  })

  test.each([
    ['refused', 'P0001', Error],
    ['met a full disk', '53100', StoreUnavailable],
  ])('a prepared change that %s is undone, and the next one is made', async (_how, code, kind) => {
    const change = (name: string, text: string) => database.query({ name, text, values: [], isChange: true })
    await change('create', 'CREATE TABLE notes (text text)')
    await change(
      'define',
      `CREATE FUNCTION fail() RETURNS text LANGUAGE plpgsql AS $$
       BEGIN INSERT INTO notes VALUES ('undone'); RAISE EXCEPTION 'no' USING ERRCODE = '${code}'; END $$`,
    )

    await expect(change('fail', 'SELECT fail()')).rejects.toThrow(kind)
    await change('add', `INSERT INTO notes VALUES ('kept')`)
    await writeSession(database, 'one')

    expect(await database.query({ name: 'read', text: 'SELECT text FROM notes', values: [] })).toEqual([
      { text: 'kept' },
    ])
    expect(await readSessionNames(database)).toEqual(['one'])
  })

  test('a hundred writes at once all succeed', async () => {
    const names = Array.from({ length: 100 }, (_, count) => `name-${count}`)

    await Promise.all(names.map((name) => writeSession(database, name)))

    expect(await readSessionNames(database)).toEqual(names.sort())
  })

  test('a look-up does not wait for the writes that were asked before it', async () => {
    const order: string[] = []
    const writes = Array.from({ length: 30 }, async (_, count) => {
      await writeSession(database, String(count))
      order.push('write')
    })

    await database.query(askNames)
    order.push('look-up')
    await Promise.all(writes)

    expect(order.indexOf('look-up')).toBeLessThan(5)
  })

  test('an instant comes back as it was, whatever way it is read', async () => {
    const expiresAt = new Date('2027-06-30T23:59:59.123Z')
    await database.write((tx) => tx.session.create({ data: aSession('one', { expiresAt }) }))

    const rows = await database.query({
      name: 'epoch',
      text: 'SELECT extract(epoch FROM expires_at)::float8 AS epoch, expires_at AS date FROM sessions',
      values: [],
    })

    expect(rows).toEqual([{ epoch: expiresAt.getTime() / 1000, date: expiresAt }])
    expect((await database.prisma.session.findFirst())?.expiresAt).toEqual(expiresAt)
  })
})

describe('a database that cannot be asked', () => {
  test('every way of asking says so after closing', async () => {
    await database.close()

    expect(await database.isReachable(500)).toBe(false)
    await expect(database.query(askNames)).rejects.toThrow(StoreUnavailable)
    await expect(writeSession(database, 'one')).rejects.toThrow(StoreUnavailable)
    await expect(database.prisma.session.findMany()).rejects.toThrow(StoreUnavailable)
    await expect(database.prisma.$queryRaw`SELECT 1`).rejects.toThrow(StoreUnavailable)
    await expect(asStoreErrors(database.prisma.$transaction([]))).resolves.toEqual([])
  })

  test('a server that nobody runs is unavailable, and its address and password stay out of the message', async () => {
    const url = 'postgresql://latchkey:hunter2@127.0.0.1:9/latchkey'

    const error = await openDatabase({ url, dataDir: '', migrationsDir }).catch((error: unknown) => error)

    expect(error).toBeInstanceOf(StoreUnavailable)
    expect(String(error)).toBe('StoreUnavailable: The database cannot be asked now')
    expect(JSON.stringify(error, ['message', 'stack', 'cause'])).not.toContain('hunter2')
  })

  test('an answer that comes too late is not taken for reachable', async () => {
    const begun = aSignal()
    const finished = aSignal()
    const busy = database.write(async () => {
      begun.give()
      await finished.given
    })
    await begun.given

    const reachable = await database.isReachable(200)
    finished.give()
    await busy

    expect(reachable).toBe(false)
    expect(await database.isReachable(5000)).toBe(true)
  })
})
