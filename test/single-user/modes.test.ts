import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../src/store/database.js'
import { asAdministrator } from '../services/administrator.js'
import { openTestDatabase } from '../support/database.js'
import { logIn } from '../support/log-in.js'
import { type CreatedKey, startService } from '../support/service.js'
import { me, openPrinted, startSingleUser } from './a-service.js'

// One folder, used with the embedded identity provider, then for one person, then as before.
const adminRole = 'latchkey-admin'
let db: Database
let statuses: Record<string, Record<string, number>>
let seenByAlice: Record<string, unknown>

const withKey = ({ value }: Pick<CreatedKey, 'value'>) => ({ 'x-api-key': value })

beforeAll(async () => {
  db = await openTestDatabase()
  const port = { KEY_ENCRYPTION_SECRET: 'e'.repeat(32) }

  const first = await startService(port, { db })
  const alices = withKey(await first.createKey('alice', { never_expires: true }))
  const alicesSession = await logIn(first, 'alice')
  const made = await first.inject({
    method: 'POST',
    url: '/admin/api-keys',
    headers: await asAdministrator(first),
    payload: { name: 'robot', scopes: ['read'] },
  })
  const robots = withKey(made.json)
  await first.app.close()

  const single = await startSingleUser(port, { db })
  const ownSession = await openPrinted(single)
  const makeOwn = (payload: object) =>
    single.inject({ method: 'POST', url: '/api-keys', headers: withKey({ value: single.key }), payload })
  const ownHeir = withKey((await makeOwn({ name: 'heir', never_expires: true })).json)
  const ownSmall = withKey((await makeOwn({ name: 'small', scopes: [adminRole] })).json)
  const credentials: Record<string, Record<string, string>> = {
    'a key of alice': alices,
    'a session of alice': { cookie: alicesSession.cookie },
    'a server key': robots,
    'the one key': withKey({ value: single.key }),
    'a key of the single user': ownHeir,
    'a key of the single user with some rights': ownSmall,
    'a session of the single user': { cookie: ownSession.cookie },
  }
  const ask = async (service: Parameters<typeof me>[0]) => {
    const answers: Record<string, number> = {}
    for (const [name, headers] of Object.entries(credentials)) {
      answers[name] = (await me(service, headers)).status
    }
    return answers
  }
  statuses = { 'for one person': await ask(single) }
  await single.app.close()

  const back = await startService(port, { db })
  statuses['with an identity provider again'] = await ask(back)
  const claims = { sub: 'single-user', realm_access: { roles: ['reader'] } }
  const pretender = await back.as('alice', { claims })
  statuses['with an identity provider that knows somebody called so'] = {
    token: (await me(back, pretender)).status,
    'making a key': (
      await back.inject({ method: 'POST', url: '/api-keys', headers: pretender, payload: { name: 'x' } })
    ).status,
    ...(await ask(back)),
  }
  seenByAlice = (await me(back, alices)).json
  await back.app.close()

  const again = await startSingleUser(port, { db })
  statuses['for one person again'] = await ask(again)
  await again.app.close()
}, 300_000)
afterAll(() => db.close())

describe('a folder that was used with an identity provider, for one person', () => {
  test('knows the single user and servers, and no key and no session of anybody else', () => {
    expect(statuses['for one person']).toEqual({
      'a key of alice': 401,
      'a session of alice': 401,
      'a server key': 200,
      'the one key': 200,
      'a key of the single user': 200,
      'a key of the single user with some rights': 200,
      'a session of the single user': 200,
    })
  })
})

describe('with an identity provider again', () => {
  const known = {
    'a key of alice': 200,
    'a session of alice': 200,
    'a server key': 200,
    'the one key': 401,
    'a key of the single user': 401,
    'a key of the single user with some rights': 401,
    'a session of the single user': 401,
  }

  test('it knows everybody but the single user', () => {
    expect(statuses['with an identity provider again']).toEqual(known)
    expect(seenByAlice).toMatchObject({ login: 'alice', roles: expect.not.arrayContaining(['*']) })
  })

  test('nobody there becomes the single user by being called so', () => {
    expect(statuses['with an identity provider that knows somebody called so']).toEqual({
      token: 401,
      'making a key': 401,
      ...known,
    })
  })
})

test('for one person again, the keys work as before, and nothing that was printed or opened earlier', () => {
  expect(statuses['for one person again']).toEqual({
    'a key of alice': 401,
    'a session of alice': 401,
    'a server key': 200,
    'the one key': 401,
    'a key of the single user': 200,
    'a key of the single user with some rights': 200,
    'a session of the single user': 401,
  })
})
