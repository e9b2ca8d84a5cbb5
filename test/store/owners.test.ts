import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../src/store/database.js'
import { type OwnerFacts, rememberOwner } from '../../src/store/owners.js'
import { openTestDatabase } from '../support/database.js'

let db: Database
beforeAll(async () => {
  db = await openTestDatabase()
})
afterAll(() => db.close())

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 21, 12, 0, seconds))
const facts = (changes: Partial<OwnerFacts> = {}): OwnerFacts => ({
  ...{ subject: 'ada', login: 'ada', name: null, email: null, rights: ['read'], attributes: { team: 'a' } },
  knownAt: at(0),
  ...changes,
})
const findAda = () => db.prisma.owner.findUniqueOrThrow({ where: { subject: 'ada' } })
const remember = (changes: Partial<OwnerFacts>, keepAttributes = false) =>
  db.write((tx) => rememberOwner(tx, facts(changes), { keepAttributes }))

test('a token changes what is known of a person when it tells something else, and only then', async () => {
  expect(await remember({})).toBe(true)
  expect(await remember({ knownAt: at(1) })).toBe(false)
  expect(await remember({ knownAt: at(2), rights: ['read', 'write'] })).toBe(true)
  expect(await remember({ knownAt: at(3), rights: ['read', 'write'], name: 'Ada' })).toBe(true)

  expect(await findAda()).toMatchObject({ rights: ['read', 'write'], name: 'Ada', knownAt: at(3) })
})

test('an older token changes nothing', async () => {
  await remember({ knownAt: at(10) })

  expect(await remember({ knownAt: at(9), rights: [] })).toBe(false)
  expect(await findAda()).toMatchObject({ rights: ['read'], knownAt: at(10) })
})

test('attributes that a token does not carry stay where the identity provider is asked for them apart', async () => {
  await remember({ knownAt: at(20), attributes: { team: 'a', office: 'x' } })

  expect(await remember({ knownAt: at(21), attributes: { team: 'a' } }, true)).toBe(false)
  expect((await findAda()).attributes).toEqual({ team: 'a', office: 'x' })
  expect(await remember({ knownAt: at(22), attributes: { team: 'a' } })).toBe(true)
  expect((await findAda()).attributes).toEqual({ team: 'a' })
})
