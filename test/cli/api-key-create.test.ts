import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { findFreePort, startService, type TestService } from '../support/service.js'
import { apiKeyCommands, idOf, valuePattern } from './api-key-world.js'

let service: TestService
const run = apiKeyCommands(() => service)
beforeAll(async () => {
  service = await startService({ KEY_ENCRYPTION_SECRET: 'e'.repeat(32) })
})
beforeEach(async () => {
  await service.db.prisma.apiKey.deleteMany()
})
afterAll(() => service.close())

const countKeys = () => service.db.prisma.apiKey.count()

/** The one key that there is, as its owner sees it. */
async function showOnly() {
  const answer = await service.inject({ url: '/api-keys', headers: await service.as('alice') })
  expect(answer.json.items).toHaveLength(1)
  return answer.json.items[0]
}

describe('a command that is wrong makes no key', () => {
  test.each([
    ['--expires-in 1.5h', 'It is a whole number with a unit'],
    ['--expires-in 0', 'It is a whole number with a unit'],
    ['--expires-in -5', 'It is a whole number with a unit'],
    ['--expires-in', 'argument missing'],
    ['--expires-in 600 --never-expires', 'cannot be used with option'],
    ['--never-expires --expires-in 600', 'cannot be used with option'],
    ['--config [1]', 'It is a JSON object'],
    ['--config null', 'It is a JSON object'],
    ['--config {', 'It is a JSON object'],
    ['--forever', 'unknown option'],
    ['nightly', 'too many arguments'],
  ])('api-key create %s', async (words, complaint) => {
    const { exitCode, out, told } = await run(`create ${words}`)

    expect({ exitCode, out }).toEqual({ exitCode: 64, out: '' })
    expect(told).toContain(complaint)
    expect(await countKeys()).toBe(0)
  })
})

describe('what the service refuses is told in its words, with exit code 1', () => {
  test('a right that the caller has not', async () => {
    const { exitCode, out, told } = await run('create --scopes rspy-user rs:write')

    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' })
    expect(told).toContain('rs:write')
    expect(told).toContain('(insufficient_scope)')
    expect(told).not.toContain('rspy-user')
  })

  test('a lifetime that is too long', async () => {
    const { exitCode, told } = await run('create --expires-in 367d')

    expect(exitCode).toBe(1)
    expect(told).toContain('expires_in must be at most 366 days')
  })

  test('a name that another key has', async () => {
    await run('create --name nightly')

    const { exitCode, out, told } = await run('create --name nightly')

    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' })
    expect(told).toContain('(name_taken)')
    expect(await countKeys()).toBe(1)
  })

  test('the 21st key', async () => {
    for (let at = 0; at < 20; at++) await service.createKey('alice')

    const { exitCode, out, told } = await run('create')

    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' })
    expect(told).toBe('latchkey: You may hold 20 working API keys: revoke one first. (key_limit_reached)\n')
  })
})

describe('a key is never lost unnoticed', () => {
  test.each(['EPIPE', 'ENOSPC'])(
    'when stdout fails by %s its id is told, so that it can be revoked',
    async (brokenBy) => {
      const { exitCode, out, told } = await run('create', { brokenBy })

      const { id } = await showOnly()
      expect({ exitCode, out }).toEqual({ exitCode: 73, out: '' })
      expect(told).toContain(`Made the key ${id}`)
      expect(told).toContain(`(${brokenBy}) and is lost: revoke it: latchkey api-key revoke ${id}`)
      expect(told).not.toMatch(valuePattern)
    },
  )

  test('when the answer is cut off, its name is told', async () => {
    const { exitCode, out, told } = await run('create --note nightly', { fetch: cutOff })

    expect({ exitCode, out }).toEqual({ exitCode: 69, out: '' })
    expect((await showOnly()).name).toBe('nightly')
    expect(told).toContain('It is not known whether this was done. Look for the name "nightly"')
  })

  test('when a proxy answers for the service, too', async () => {
    const { exitCode, told } = await run('create', {
      fetch: async () => new Response('<html>', { status: 502, headers: { 'content-type': 'text/html' } }),
    })

    expect(exitCode).toBe(69)
    expect(told).toContain('It is not known whether this was done.')
  })

  test.each([
    ['is not there', { fetch: nobodyThere }],
    ['cannot tell now', { fetch: unavailable }],
  ])('a service that %s made none, and no doubt is raised', async (_what, wishes) => {
    const { exitCode, out, told } = await run('create', wishes)

    expect({ exitCode, out }).toEqual({ exitCode: 69, out: '' })
    expect(told).not.toContain('not known')
  })
})

test('the value is alone on stdout, and nowhere else', async () => {
  const { exitCode, out, told } = await run('create')

  expect(exitCode).toBe(0)
  expect(out).toMatch(/^lk_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}\n$/)
  expect(told).toContain(`Made the key ${idOf(out)}`)
  expect(told).not.toMatch(valuePattern)
  const answer = await service.inject({ url: '/me', headers: { 'x-api-key': out.trim() } })
  expect(answer.json).toMatchObject({ login: 'alice', via: 'api-key' })
})

test('api_key is another spelling', async () => {
  const { exitCode, out } = await run('create', { spelling: 'api_key' })

  expect(exitCode).toBe(0)
  expect(out).toMatch(valuePattern)
})

test('without a command, the commands are told, and it is an error', async () => {
  const { exitCode, out, told } = await run('')

  expect({ exitCode, out }).toEqual({ exitCode: 64, out: '' })
  expect(told).toContain('create [options]')
})

test('what is said of a key holds for it', async () => {
  service.clock.freeze('2026-11-21T10:00:00.000Z')
  const { told } = await run(
    'create --name nightly --scopes rspy-user --scopes latchkey:catalog_read rspy-user --expires-in 10m --read-only ' +
      '--allowed-ips 192.0.2.0/24 2001:db8::1 --allowed-referers portal.example.org --jwt --config {"project":"demo"}',
    { more: ['--note', 'Runs on node 7'] },
  )

  expect(await showOnly()).toMatchObject({
    name: 'nightly',
    note: 'Runs on node 7',
    scopes: ['rspy-user', 'latchkey:catalog_read'],
    expires_at: '2026-11-21T10:10:00.000Z',
    read_only: true,
    allowed_ips: ['192.0.2.0/24', '2001:db8::1'],
    allowed_referers: ['portal.example.org'],
    jwt: true,
    config: { project: 'demo' },
  })
  expect(told).toContain('"nightly". It ends: 2026-11-21T10:10:00 UTC, in 10 minutes.')
})

test('without anything said a key lives 15 days with all rights, and --never-expires for ever', async () => {
  service.clock.freeze('2026-11-21T10:00:00.000Z')

  const usual = await run('create')
  const endless = await run('create --never-expires')

  expect(usual.told).toContain('It ends: 2026-12-06T10:00:00 UTC, in 15 days.')
  expect(endless.told).toContain('It ends: never.')
})

test('a right whose name holds spaces and commas is one right', async () => {
  const { told } = await run('create --scopes', { more: ['data, read only'] })

  expect(told).toContain('You do not have these rights: data, read only.')
})

test('a key without a name is named by its note, and by the time where that name is taken', async () => {
  service.clock.freeze('2026-11-21T14:30:05.900Z')
  const note = 'Data validation\n\tpipeline'

  const made = [
    await run('create', { more: ['--note', note] }),
    await run('create', { more: ['--note', note] }),
  ]

  expect(made.map(({ told }) => told.split('\n')[0])).toEqual([
    expect.stringContaining('"Data validation pipeline".'),
    expect.stringContaining('"Data validation pipeline 2026-11-21 14:30:05".'),
  ])
})

test('of 100 keys made at once on one machine 20 are there, each with a name of its own', async () => {
  service.clock.freeze('2026-11-21T14:30:05.900Z')

  const outcomes = await Promise.all(Array.from({ length: 100 }, () => run('create')))

  const made = outcomes.filter(({ exitCode }) => exitCode === 0)
  const refused = outcomes.filter(({ exitCode }) => exitCode === 1)
  expect([made.length, refused.length]).toEqual([20, 80])
  expect(new Set(made.map(({ out }) => out)).size).toBe(20)
  expect(refused.filter(({ out, told }) => out === '' && told.includes('(key_limit_reached)'))).toHaveLength(
    80,
  )
  expect(await countKeys()).toBe(20)
})

test('--json gives the whole answer, the value in it', async () => {
  const { out, told } = await run('create --json')

  expect(JSON.parse(out)).toMatchObject({ status: 'active', value: expect.stringMatching(valuePattern) })
  expect(told).not.toMatch(valuePattern)
})

/** Nobody listens where the service should be. */
async function nobodyThere(): Promise<Response> {
  return fetch(`http://127.0.0.1:${await findFreePort()}`)
}

/** The service has done it, but its answer never comes. */
async function cutOff(...request: Parameters<typeof fetch>): Promise<Response> {
  await (await fetch(...request)).text()
  throw new TypeError('terminated', { cause: Object.assign(new Error('closed'), { code: 'UND_ERR_SOCKET' }) })
}

async function unavailable(): Promise<Response> {
  const problem = { code: 'unavailable', detail: 'The service cannot tell right now.', requestId: '1' }
  return new Response(JSON.stringify(problem), {
    status: 503,
    headers: { 'content-type': 'application/problem+json' },
  })
}
