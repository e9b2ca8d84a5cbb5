import stringWidth from 'string-width'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { apiKeyCommands, valuePattern } from './api-key-world.js'

let service: TestService
const run = apiKeyCommands(() => service)
beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '1000' })
})
beforeEach(async () => {
  await service.db.prisma.apiKey.deleteMany()
  service.clock.freeze('2026-11-21T10:00:00.000Z')
})
afterAll(() => service.close())

const lines = (out: string) => out.trimEnd().split('\n')
const revoke = async (id: string) =>
  service.inject({
    method: 'POST',
    url: `/api-keys/${id}/revoke`,
    headers: await service.as('alice'),
    payload: {},
  })

test('a status that there is not is refused', async () => {
  const { exitCode, out, told } = await run('list --status gone')

  expect({ exitCode, out }).toEqual({ exitCode: 64, out: '' })
  expect(told).toContain('Allowed choices are revoked, owner_disabled, disabled, expired, active')
})

test('a service that is away gives no list, not even an empty one', async () => {
  const { exitCode, out, told } = await run('list --json', {
    fetch: async () => {
      throw new TypeError('fetch failed')
    },
  })

  expect({ exitCode, out }).toEqual({ exitCode: 69, out: '' })
  expect(told).toContain('(unreachable)')
})

test('keys of others are not listed', async () => {
  await service.createKey('bob', { name: 'of bob' })

  const { exitCode, out, told } = await run('list --all')

  expect({ exitCode, out }).toEqual({ exitCode: 0, out: '' })
  expect(told).toBe('There are no such keys. Make one: latchkey api-key create\n')
  expect((await run('list --all --json')).out).toBe('[]\n')
})

test('the list is the table that users of Tiled know, the newest key last, and holds no value', async () => {
  const first = await service.createKey('alice', { name: 'laptop', never_expires: true })
  service.clock.advance(1)
  const second = await service.createKey('alice', {
    ...{ name: 'validation', note: 'Data validation\npipeline', expires_in: 600 },
    scopes: ['rspy-user', 'latchkey:catalog_read'],
  })

  const { exitCode, out, told } = await run('list')

  expect({ exitCode, told }).toEqual({ exitCode: 0, told: '' })
  expect(lines(out)).toEqual([
    'First 8   Expires at (UTC)     Latest activity  Note                                  Scopes                           Status',
    `${first.id}  -                    -                laptop                                inherit                          active`,
    `${second.id}  2026-11-21T10:10:00  -                validation: Data validation pipeline  rspy-user latchkey:catalog_read  active`,
  ])
  expect(out).not.toMatch(valuePattern)
})

test('a note that the name was made of is not told twice', async () => {
  for (const note of ['Data validation pipeline', 'Data validation pipeline', `${'long '.repeat(30)}end`]) {
    await run('create', { more: ['--note', note] })
    service.clock.advance(1000)
  }

  const { out } = await run('list')

  expect(lines(out).map((line) => line.split(/ {2,}/)[3])).toEqual([
    'Note',
    'Data validation pipeline',
    'Data validation pipeline 2026-11-21 10:00:01',
    `${'long '.repeat(30)}end`,
  ])
})

test('the latest activity is the last call, to the second', async () => {
  const { value } = await service.createKey('alice')
  await service.inject({ url: '/me', headers: { 'x-api-key': value } })

  await expect.poll(async () => (await run('list')).out).toContain('  2026-11-21T10:00:00  ')
})

test('revoked keys are listed with --all and --status alone, expired and paused ones always', async () => {
  const revoked = await service.createKey('alice', { name: 'revoked' })
  service.clock.advance(1)
  await service.createKey('alice', { name: 'ended', expires_in: 1 })
  service.clock.advance(1)
  await service.createKey('alice', { name: 'working' })
  await revoke(revoked.id)
  service.clock.advance(1000)

  const usual = (await run('list')).out
  const all = (await run('list --all')).out
  const only = (await run('list --status revoked')).out

  expect(usual).toMatch(/ended +inherit +expired\n.*working +inherit +active\n$/)
  expect(usual).not.toContain('revoked')
  expect(all).toMatch(/revoked +inherit +revoked\n.*ended.*\n.*working.*\n$/)
  expect(lines(only)).toHaveLength(2)
  expect(only).toMatch(/revoked +inherit +revoked\n$/)
})

test('in 80 columns no line is longer, notes and scopes go over several, and nothing of them is lost', async () => {
  const note = 'Nightly ingestion of everything'
  const scopes = ['latchkey:catalog_read', 'rspy-user']
  const { id } = await service.createKey('alice', { name: 'n', note, scopes })

  const narrow = lines((await run('list', { columns: 80 })).out)
  const piped = lines((await run('list')).out)

  expect(narrow.every((line) => stringWidth(line) <= 80)).toBe(true)
  expect(narrow.slice(1)).toEqual([
    `${id}  2026-12-06T10:00:00  -                n: Nightly   latchkey:ca  active`,
    '                                                ingestion    talog_read',
    '                                                of           rspy-user',
    '                                                everything',
  ])
  expect(piped).toHaveLength(2)
  expect(piped[1]).toContain(note)
})

test('all keys of a list of several pages are there once, in --json as in the table', async () => {
  const first = await service.createKey('alice', { name: 'the first' })
  const row = await service.db.prisma.apiKey.findUniqueOrThrow({ where: { id: first.id } })
  const names = Array.from({ length: 205 }, (_, at) => `key ${at}`)
  await service.db.prisma.apiKey.createMany({
    data: names.map((name, at) => ({
      ...{ id: `many${String(at).padStart(4, '0')}`, name, ownerSubject: row.ownerSubject },
      ...{ scopes: ['inherit'], createdAt: new Date(service.clock.now() + 1 + at) },
    })),
  })

  const table = lines((await run('list')).out)
  const keys = JSON.parse((await run('list --json')).out)

  expect(table).toHaveLength(207)
  expect(keys.map(({ name }: { name: string }) => name)).toEqual(['the first', ...names])
})

test('the scopes that one may give a key are listed, each as create takes it, and no others', async () => {
  const { exitCode, out } = await run('scopes')
  const scopes = JSON.parse((await run('scopes --json')).out).map(({ scope }: { scope: string }) => scope)

  expect(exitCode).toBe(0)
  expect(lines(out).map((line) => line.split(/ {2,}/)[0])).toEqual(['Scope', ...scopes])
  expect(scopes).toContain('rspy-user')
  expect(scopes).not.toContain('rs:write')
  for (const scope of scopes) expect((await run('create --scopes', { more: [scope] })).exitCode).toBe(0)
})

test('whose scopes nobody can tell is told so, and no empty table', async () => {
  const { exitCode, out } = await run('scopes', { fetch: async () => new Response('<html>') })

  expect({ exitCode, out }).toEqual({ exitCode: 69, out: '' })
})
