import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { asAdministrator } from '../services/administrator.js'
import { findFreePort, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { apiKeyCommands, valuePattern, type Wishes } from './api-key-world.js'

let service: TestService
const command = apiKeyCommands(() => service)
/** Nobody is logged in. */
const run = (words: string, wishes: Wishes = {}) => command(words, { person: null, ...wishes })
beforeAll(async () => {
  service = await startService()
})
beforeEach(async () => {
  await service.db.prisma.apiKey.deleteMany()
  service.clock.freeze('2026-11-21T10:00:00.000Z')
})
afterAll(() => service.close())

const wrong = `lk_Zk3vQ9aB_${'x'.repeat(49)}`
const answering = (status: number, body: unknown, type = 'application/json') =>
  ({
    fetch: async () => new Response(JSON.stringify(body), { status, headers: { 'content-type': type } }),
  }) satisfies Wishes
const problem = (status: number, code: string) =>
  answering(status, { code, detail: 'So it is.', requestId: '1' }, 'application/problem+json')

describe('a value that is no good is refused with exit code 1', () => {
  const refused = {
    exitCode: 1,
    out: '',
    told: 'latchkey: refused: it is wrong, unknown, expired, revoked or disabled (invalid_credential)\n',
  }

  test.each([
    ['of nobody', wrong],
    ['of no shape', 'password'],
    ['with a space', 'pass word'],
    ['in another script', 'ключ'],
  ])('one %s', async (_what, value) => {
    expect(await run('check --value-file -', { input: value })).toEqual(refused)
    expect(await run('check', { env: { LATCHKEY_API_KEY: value } })).toEqual(refused)
    expect(await run('check', { more: [value] })).toEqual(refused)
  })

  test('one that is revoked', async () => {
    const { id, value } = await service.createKey('alice')
    await command(`revoke ${id}`)

    expect(await run(`check ${value}`)).toEqual(refused)
  })

  test('one that ended this second, and not one that ends with the next', async () => {
    const { value } = await service.createKey('alice', { expires_in: 600 })

    service.clock.advance(599_000)
    expect((await run(`check ${value}`)).exitCode).toBe(0)
    service.clock.advance(1000)
    expect(await run(`check ${value}`)).toEqual(refused)
  })
})

describe('when nobody can tell, the exit code is 69: neither good nor refused', () => {
  test.each([
    ['503', problem(503, 'unavailable')],
    ['500', problem(500, 'internal_error')],
    ['429, since too many were refused', problem(429, 'rate_limited')],
    ['401 of a proxy', answering(401, 'log in')],
    ['403 of a proxy', answering(403, 'no')],
    ['404 of something else', answering(404, 'not here')],
    ['200 of something else', answering(200, { hello: 'world' })],
    ['200 with nothing', answering(200, null)],
    ['200 with half an answer', { fetch: async () => new Response('{"valid": true') }],
    ['200 in HTML', { fetch: async () => new Response('<html>valid</html>') }],
    ['nothing', { fetch: async () => fetch(`http://127.0.0.1:${await findFreePort()}`) }],
  ])('it answers %s', async (_what, wishes) => {
    const { value } = await service.createKey('alice')

    const { exitCode, out, told } = await run(`check ${value} --warn 3d`, wishes)

    expect({ exitCode, out }).toEqual({ exitCode: 69, out: '' })
    expect(told).toMatch(/^latchkey: nobody can tell now whether the value is good: .+\n$/)
    expect(told).not.toMatch(valuePattern)
  })
})

describe('a question that is wrong has exit code 64', () => {
  test.each([
    ['check', {}, 'which value?'],
    ['check', { env: { LATCHKEY_API_KEY: '' } }, 'which value?'],
    ['check', { more: [''] }, 'which value?'],
    ['check --value-file -', { input: '' }, 'is empty'],
    ['check --value-file -', { input: `${wrong}\n${wrong}` }, 'more than one line'],
    [`check ${wrong} --value-file -`, { input: wrong }, 'not both'],
    [`check ${wrong} --warn 1.5d`, {}, 'It is a whole number with a unit'],
    [`check ${wrong} --client-ip home`, {}, 'client_ip'],
    ['check', { more: ['x'.repeat(4097)] }, 'value'],
  ])('%s', async (words, wishes, complaint) => {
    const { exitCode, out, told } = await run(words, wishes)

    expect({ exitCode, out }).toEqual({ exitCode: 64, out: '' })
    expect(told).toContain(complaint)
    expect(told).not.toMatch(valuePattern)
  })
})

test('a good value: whose it is, for what, and until when; without any login, and with its secret in the body alone', async () => {
  const { id, value } = await service.createKey('alice', { scopes: ['rspy-user'] })
  const sent: { url: string; headers: string }[] = []

  const { exitCode, out, told } = await run(`check ${value}`, {
    fetch: (url, init) => {
      sent.push({ url: String(url), headers: JSON.stringify([...new Headers(init?.headers)]) })
      return fetch(url, init)
    },
  })

  expect({ exitCode, told }).toEqual({ exitCode: 0, told: '' })
  expect(out.split('\n')).toEqual([
    `key     ${id}`,
    'owner   alice (user)',
    'scopes  rspy-user',
    'ends    2026-12-06T10:00:00 UTC, in 15 days',
    '',
  ])
  expect(sent).toHaveLength(1)
  expect(JSON.stringify(sent)).not.toMatch(valuePattern)
  expect(sent[0]?.headers).not.toContain('authorization')
})

test.each([
  ['check --value-file -', (value: string) => ({ input: `${value}\r\n` })],
  ['check', (value: string) => ({ env: { LATCHKEY_API_KEY: value } })],
])('%s takes the value from where the process list does not show it', async (words, give) => {
  const { id, value } = await service.createKey('alice')

  const { exitCode, out } = await run(words, give(value))

  expect(exitCode).toBe(0)
  expect(out).toContain(id)
  expect(out).not.toMatch(valuePattern)
})

test('the value that was named is checked, and not that of the environment', async () => {
  const { value } = await service.createKey('alice')

  expect((await run(`check ${wrong}`, { env: { LATCHKEY_API_KEY: value } })).exitCode).toBe(1)
})

test('a value that --scopes has swallowed is not taken for that of the environment, and not shown', async () => {
  const { value } = await service.createKey('alice')
  let calls = 0
  const fetch: typeof globalThis.fetch = async () => {
    calls += 1
    return Response.json({ valid: true })
  }

  const { exitCode, out, told } = await run(`check --scopes a:read ${wrong}`, {
    env: { LATCHKEY_API_KEY: value },
    fetch,
  })

  expect({ exitCode, out, calls }).toEqual({ exitCode: 64, out: '', calls: 0 })
  expect(told).toBe('latchkey: a value is no scope: name it before --scopes\n')
})

describe('--warn', () => {
  test('is exit code 2 from so long before the end, to the second', async () => {
    const { value } = await service.createKey('alice')
    const exitCode = async () => (await run(`check ${value} --warn 3d`)).exitCode

    service.clock.freeze('2026-12-03T09:59:59.000Z')
    expect(await exitCode()).toBe(0)
    service.clock.advance(1000)
    expect(await exitCode()).toBe(2)
    service.clock.freeze('2026-12-06T10:00:00.000Z')
    expect(await exitCode()).toBe(1)
  })

  test('says so, and still tells what the value is good for', async () => {
    const { id, value } = await service.createKey('alice', { expires_in: 600 })

    const { out, told } = await run(`check ${value} --warn 1h`)

    expect(out).toContain(`key     ${id}`)
    expect(out).toContain('ends    2026-11-21T10:10:00 UTC, in 10 minutes')
    expect(told).toBe('latchkey: it ends soon: renew or rotate the key\n')
  })

  test('holds for an earlier value within its grace, which ends before its key', async () => {
    const { id, value } = await service.createKey('alice')
    await command(`rotate ${id} --grace 1h`)

    const { exitCode, out } = await run(`check ${value} --warn 2h`)

    expect(exitCode).toBe(2)
    expect(out).toContain('ends    2026-11-21T11:00:00 UTC, in 60 minutes')
  })

  test('says nothing of a key that never ends, and without it a short life is no fault', async () => {
    const endless = await service.createKey('alice', { never_expires: true })
    const short = await service.createKey('alice', { expires_in: 5 })

    expect((await run(`check ${endless.value} --warn 2w`)).exitCode).toBe(0)
    expect((await run(`check ${short.value}`)).exitCode).toBe(0)
  })
})

describe('what is asked about decides', () => {
  test.each([
    ['--scopes rspy-user', 0, ''],
    ['--scopes rspy-user rs:write', 1, 'insufficient_scope'],
    ['--method GET', 0, ''],
    ['--method post', 1, 'read_only_key'],
    ['--client-ip 192.0.2.7', 0, ''],
    ['--client-ip 198.51.100.7', 1, 'address_not_allowed'],
    ['', 0, ''],
  ])('of a key that reads, from one network: check %s ends with %i %s', async (words, exitCode, code) => {
    const { value } = await service.createKey('alice', {
      ...{ read_only: true, scopes: ['rspy-user'], allowed_ips: ['192.0.2.0/24'] },
    })

    const outcome = await run(`check ${value} ${words}`)

    expect(outcome.exitCode).toBe(exitCode)
    expect(outcome.told).toContain(code)
    expect(outcome.out).toContain('read only       yes\nfrom addresses  192.0.2.0/24\n')
  })

  test('a key of some pages is good, and for others not', async () => {
    const { value } = await service.createKey('alice', { allowed_referers: ['a.example'] })

    expect((await run(`check ${value}`)).exitCode).toBe(0)
    expect((await run(`check ${value} --referer https://a.example/page`)).exitCode).toBe(0)
    const { exitCode, told } = await run(`check ${value} --referer https://b.example/`)
    expect(exitCode).toBe(1)
    expect(told).toContain('referer_not_allowed')
  })

  test('of a key of some pages no address is called good as long as no page is named', async () => {
    const { value } = await service.createKey('alice', {
      ...{ allowed_referers: ['a.example'], allowed_ips: ['192.0.2.7'] },
    })
    const exitCode = async (words: string) => (await run(`check ${value} ${words}`)).exitCode

    expect(await exitCode('')).toBe(0)
    expect(await exitCode('--client-ip 198.51.100.7')).toBe(1)
    expect(await exitCode('--referer https://a.example --client-ip 198.51.100.7')).toBe(1)
    expect(await exitCode('--referer https://a.example --client-ip 192.0.2.7')).toBe(0)
  })

  test('a key of one service is good, and for others not', async () => {
    await setServices(
      service,
      { id: 'one', target: 'http://127.0.0.1:9' },
      { id: 'two', target: 'http://127.0.0.1:9' },
    )
    const { value } = await makeServerKey({ name: 'robot', services: ['one'] })

    const outcomes = await Promise.all(
      ['', '--service one', '--service two', '--service three'].map((words) =>
        run(`check ${value} ${words}`),
      ),
    )

    expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([0, 0, 1, 1])
    expect(outcomes[2]?.told).toContain('(not_authorized_here)')
  })

  test('a key whose calls are used up is refused, and says before how many remain', async () => {
    const { id, value } = await service.createKey('alice')
    await limit(id)

    const first = await run(`check ${value}`)
    const second = await run(`check ${value}`)

    expect(first.exitCode).toBe(0)
    expect(first.out).toMatch(/limits +0 of 1 a day remain to the key until 2026-11-22T00:00:00 UTC/)
    expect(second.exitCode).toBe(1)
    expect(second.told).toContain('(quota_exceeded)')
  })

  test('that holds for a key of one service too, where no service is asked about', async () => {
    await setServices(service, { id: 'one', target: 'http://127.0.0.1:9' })
    const { id, value } = await makeServerKey({ name: 'limited robot', services: ['one'] })
    await limit(id)

    const before = await run(`check ${value}`)
    const call = await run(`check ${value} --service one`)
    const after = await run(`check ${value}`)

    expect([before, call, after].map(({ exitCode }) => exitCode)).toEqual([0, 0, 1])
    expect(after.told).toContain('(quota_exceeded)')
  })
})

test('of the key of a single user, which has no id, none is told', async () => {
  const principal = { key_id: '', login: 'single-user', kind: 'user', scopes: ['*'] }

  const { exitCode, out } = await run(`check ${wrong}`, answering(200, { valid: true, principal }))

  expect(exitCode).toBe(0)
  expect(out).toMatch(/^owner {3}single-user \(user\)\n/)
})

test('--json prints the verdict, also of a value that is refused', async () => {
  const { id, value } = await service.createKey('alice')

  expect(JSON.parse((await run(`check ${value} --json`)).out)).toMatchObject({
    valid: true,
    principal: { key_id: id },
  })
  const { exitCode, out } = await run(`check ${wrong} --json`)
  expect(exitCode).toBe(1)
  expect(JSON.parse(out)).toMatchObject({ valid: false, code: 'invalid_credential' })
})

test('--quiet prints nothing where there is a verdict', async () => {
  const { value } = await service.createKey('alice')

  expect(await run(`check ${value} --quiet`)).toEqual({ exitCode: 0, out: '', told: '' })
  expect(await run(`check ${value} --quiet --warn 3w`)).toEqual({ exitCode: 2, out: '', told: '' })
  expect(await run(`check ${wrong} --quiet`)).toEqual({ exitCode: 1, out: '', told: '' })
})

async function makeServerKey(payload: object): Promise<{ id: string; value: string }> {
  const headers = await asAdministrator(service)
  const answer = await service.inject({ method: 'POST', url: '/admin/api-keys', headers, payload })
  if (answer.status !== 201) throw new Error(`The key was not made: ${answer.body}`)
  return answer.json
}

/** Lets the key make one call a day. */
async function limit(id: string) {
  const headers = await asAdministrator(service)
  const payload = { limits: { per_day: 1 } }
  await service.inject({ method: 'PATCH', url: `/admin/api-keys/${id}`, headers, payload })
}
