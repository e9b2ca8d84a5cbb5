import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { subjects } from '../admin/world.js'
import { startService, type TestService } from '../support/service.js'
import { commandLineOf } from './admin-world.js'

let service: TestService
beforeAll(async () => {
  service = await startService()
  await admin('group', 'create', 'tools')
})
afterAll(() => service.close())

const { admin, aServerKey, json, latchkey } = commandLineOf(() => service)

const statusOf = async (value: string, url = '/me') =>
  (await service.inject({ method: 'GET', url, headers: { 'x-api-key': value } })).status

const nowhere = { env: { LATCHKEY_URL: 'http://127.0.0.1:1' } }

describe('a server key', () => {
  test.each([
    [['create']],
    [['create', '--name', 'a', '--expires-in', '1', '--never-expires']],
    [['create', '--name', 'a', '--expires-in', '1.5h']],
    [['create', '--name', 'a', '--config', '[]']],
    [['create', '--name', 'a', '--config', '{']],
    [['create', '--name', 'a', '--limit-per-day', '0']],
    [['create', '--name', 'a', '--secret', 'typed']],
  ])('%j is a wrong command, and nothing is asked of the service', async (args) => {
    const outcome = await latchkey(['admin', 'server-key', ...args], nowhere)

    expect(outcome).toMatchObject({ exitCode: 64, out: '' })
  })

  test('is not made for a group that is not there, and prints nothing', async () => {
    const outcome = await admin('server-key', 'create', '--name', 'astray', '--groups', 'no-such-group')

    expect(outcome).toMatchObject({ exitCode: 1, out: '' })
    expect(outcome.told).toContain('  groups')
    expect(await json('api-key', 'list', '--search', 'astray')).toEqual([])
  })

  test('is printed alone, and what is to know of it beside', async () => {
    const { exitCode, out, told } = await admin(
      ...['server-key', 'create', '--name', 'robot', '--groups', 'tools', '--limit-per-second', '5'],
      ...['--limit-per-day', '1000', '--read-only', '--scopes', 'rspy-user', '--note', 'Runs on node 7'],
    )

    expect(exitCode).toBe(0)
    expect(out).toMatch(/^lk_\w{8}_\w{49}\n$/)
    const [, id = ''] = out.split('_')
    expect(told).toContain(`Made the server key ${id}, "robot". It ends: `)
    expect(told).not.toContain(out.trim())
    expect(await statusOf(out.trim())).toBe(200)
    expect(await json('api-key', 'show', id)).toMatchObject({
      ...{ name: 'robot', kind: 'server', scopes: ['rspy-user'], groups: ['tools'], read_only: true },
      ...{ note: 'Runs on node 7', limits: { per_second: 5, per_day: 1000, per_month: null } },
    })
  })

  test('ends when it was told to, or never', async () => {
    service.clock.freeze('2026-11-21T12:00:00.000Z')

    const ending = await json('server-key', 'create', '--name', 'ending', '--expires-in', '2h')
    const endless = await json('server-key', 'create', '--name', 'endless', '--never-expires')

    expect(ending.expires_at).toBe('2026-11-21T14:00:00.000Z')
    expect(endless).toMatchObject({ expires_at: null, never_expires: true })
  })

  test('whose value nobody could read is told by its id, so that it can be deleted', async () => {
    const outcome = await latchkey(['admin', 'server-key', 'create', '--name', 'lost'], {
      brokenBy: 'ENOSPC',
    })

    const [lost] = await json('api-key', 'list', '--search', 'lost')
    expect(outcome).toMatchObject({ exitCode: 73, out: '' })
    expect(outcome.told).toContain(`latchkey admin api-key delete ${lost.id}`)
    expect(outcome.told).not.toMatch(/lk_\w+_/)
  })

  test('that was given the role administrates, as this whole file shows; another does not', async () => {
    const plain = (await admin('server-key', 'create', '--name', 'plain')).out.trim()

    const outcome = await latchkey(['admin', 'audit'], { key: plain })

    expect(outcome).toMatchObject({ exitCode: 1, out: '' })
  })
})

describe('a key from elsewhere', () => {
  const secret = 'of-a-secret-that-was-made-elsewhere-4711'
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'latchkey-secret-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test.each([
    ['nothing that says what it is', []],
    ['two of what says it', ['--secret-file', '-', '--value-sha256', '0'.repeat(64)]],
    ['no name', null],
  ])('is not imported with %s', async (_, more) => {
    const name = more === null ? [] : ['--name', 'foreign']

    const outcome = await latchkey(['admin', 'server-key', 'import', ...name, ...(more ?? [])], nowhere)

    expect(outcome).toMatchObject({ exitCode: 64, out: '' })
  })

  test('is not imported where its secret is weak, which is not repeated', async () => {
    const outcome = await latchkey(
      ['admin', 'server-key', 'import', '--name', 'weak', '--id', 'weak', '--secret-file', '-'],
      { input: 'short-one\n' },
    )

    expect(outcome).toMatchObject({ exitCode: 1, out: '' })
    expect(outcome.told).toContain('  secret ')
    expect(outcome.told).not.toContain('short-one')
  })

  test('works by its id and secret, which only stdin was given', async () => {
    const args = [
      'admin',
      'server-key',
      'import',
      '--name',
      'moved',
      '--id',
      'moved.one',
      '--secret-file',
      '-',
    ]

    const { exitCode, out, told } = await latchkey(args, { input: `${secret}\n` })

    expect({ exitCode, out }).toEqual({ exitCode: 0, out: 'moved.one\n' })
    expect(told).not.toContain(secret)
    const basic = Buffer.from(`moved.one:${secret}`).toString('base64')
    const headers = { authorization: `Basic ${basic}` }
    expect((await service.inject({ method: 'GET', url: '/me', headers })).status).toBe(200)
  })

  test('gets another secret by a file, and the one before goes on for the grace', async () => {
    const path = join(folder, 'next')
    writeFileSync(path, `${secret}-next\n`)
    await latchkey(
      ['admin', 'server-key', 'import', '--name', 'turned', '--id', 'turned', '--secret-file', '-'],
      { input: secret },
    )

    const outcome = await admin('api-key', 'update', 'turned', '--secret-file', path, '--grace', '1h')

    expect(outcome).toEqual({ exitCode: 0, out: '', told: 'The server key turned, "turned", is changed.\n' })
    for (const presented of [secret, `${secret}-next`]) {
      const authorization = `Basic ${Buffer.from(`turned:${presented}`).toString('base64')}`
      expect((await service.inject({ method: 'GET', url: '/me', headers: { authorization } })).status).toBe(
        200,
      )
    }
  })

  test('works by its value, of which only the hash was sent', async () => {
    const value = 'a-value-of-the-manager-before-0815-4711'
    const byHash = `${value}-too`
    const hash = createHash('sha256').update(byHash).digest('hex')

    const read = await latchkey(
      ['admin', 'server-key', 'import', '--name', 'by value', '--owner', subjects.bob, '--value-file', '-'],
      { input: value },
    )
    const told = await admin('server-key', 'import', '--name', 'by hash', '--value-sha256', hash)

    expect([read.exitCode, told.exitCode]).toEqual([1, 0])
    expect(read.told).toContain('  owner ')
    expect(read.told).not.toContain(value)
    expect(await statusOf(byHash)).toBe(200)
  })

  test('can be of a person, once they have logged in', async () => {
    await service.createKey('bob')
    const args = ['admin', 'server-key', 'import', '--name', 'of bob', '--owner', subjects.bob]

    const { out } = await latchkey([...args, '--value-file', '-'], {
      input: 'bobs-value-of-elsewhere-4711\n',
    })

    expect(await json('api-key', 'show', out.trim())).toMatchObject({
      ...{ kind: 'user', owner: { subject: subjects.bob }, scopes: ['inherit'] },
    })
    expect(await statusOf('bobs-value-of-elsewhere-4711')).toBe(200)
  })
})

describe('keys of anyone', () => {
  test('that are not there are told by their id', async () => {
    const outcomes = [
      await admin('api-key', 'show', 'Nowhere1'),
      await admin('api-key', 'update', 'Nowhere1', '--name', 'x'),
      await admin('api-key', 'enable', 'Nowhere1'),
      await admin('api-key', 'revoke', 'Nowhere1', '--yes'),
      await admin('api-key', 'delete', 'Nowhere1', '--yes'),
      await admin('quota', 'show', 'Nowhere1'),
      await admin('quota', 'reset', 'Nowhere1'),
    ]

    const told = 'latchkey: there is no API key Nowhere1 (not_found)\n'
    expect(outcomes).toEqual(outcomes.map(() => ({ exitCode: 1, out: '', told })))
  })

  test.each([
    [['show']],
    [['show', '..']],
    [['show', 'a/b']],
    [['show', 'Zk3vQ9aB', '--value-file', '-']],
    [['update', 'Zk3vQ9aB']],
    [['update', 'Zk3vQ9aB', '--expires-in', '1d', '--never-expires']],
    [['update', 'Zk3vQ9aB', '--expires-in', '1d', '--expires-at', '2026-12-31']],
    [['update', 'Zk3vQ9aB', '--expires-at', '2026-02-30']],
    [['revoke', 'Zk3vQ9aB']],
    [['delete', 'Zk3vQ9aB']],
    [['list', '--status', 'broken']],
    [['list', '--kind', 'robot']],
    [['list', '--owner', '..']],
  ])('%j is a wrong command, and nothing is asked of the service', async (args) => {
    const outcome = await latchkey(['admin', 'api-key', ...args], nowhere)

    expect(outcome).toMatchObject({ exitCode: 64, out: '' })
  })

  test('are found by their owner, kind, status, group and what is written in them', async () => {
    const { id } = await service.createKey('bob', { name: 'findable', note: 'in the haystack' })
    service.clock.advance(1000)
    await admin('server-key', 'create', '--name', 'findable too', '--groups', 'tools')

    const find = async (...args: string[]): Promise<string[]> =>
      (await json('api-key', 'list', ...args)).map((key: { name: string }) => key.name)

    expect(await find('--search', 'HAYSTACK')).toEqual(['findable'])
    expect(await find('--search', id)).toEqual(['findable'])
    expect(await find('--search', 'findable', '--kind', 'server')).toEqual(['findable too'])
    expect(await find('--search', 'findable', '--owner', subjects.bob)).toEqual(['findable'])
    expect(await find('--search', 'findable', '--group', 'tools')).toEqual(['findable too'])
    expect(await find('--search', 'findable', '--status', 'revoked')).toEqual([])
    expect(await find('--search', 'findable', '--limit', '1')).toEqual(['findable too'])
  })

  test('stand in a table, a server’s without an owner', async () => {
    service.clock.freeze('2026-11-21T12:00:00.000Z')
    const { id, value } = await service.createKey('bob', { name: 'in a table', expires_in: 60 })
    service.clock.advance(1000)
    const made = await json('server-key', 'create', '--name', 'in a table', '--never-expires')

    const { out } = await admin('api-key', 'list', '--search', 'in a table')

    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
    ).toEqual([
      ['Id', 'Owner', 'Name', 'Expires at (UTC)', 'Latest activity', 'Status'],
      [id, 'bob', 'in a table', '2026-11-21T12:01:00', '-', 'active'],
      [made.id, '-', 'in a table', '-', '-', 'active'],
    ])
    expect(out).not.toContain(value)
    expect(out).not.toContain(made.value)
  })

  test('are shown without their value, however they were named', async () => {
    const { id, value } = await service.createKey('bob')

    const byId = await admin('api-key', 'show', id)
    const byValue = await admin('api-key', 'show', value)
    const byFile = await latchkey(['admin', 'api-key', 'show', '--value-file', '-'], { input: `${value}\n` })

    expect(byId.out).toMatch(new RegExp(`^id +${id}\nname `))
    expect(byId.out).toContain(`bob (${subjects.bob})\n`)
    expect([byValue, byFile]).toEqual([byId, byId])
    expect(byId.out + byId.told).not.toContain(value.slice(12))
  })

  test('that have no rights but limits say so', async () => {
    const { id } = await json(
      ...['server-key', 'create', '--name', 'limited', '--limit-per-second', '5', '--limit-per-day', '9'],
    )

    const { out } = await admin('api-key', 'show', id)

    expect(out).toMatch(/^scopes +-$/m)
    expect(out).toMatch(/^limits +5 a second, 9 a day$/m)
    expect(out).toMatch(new RegExp(`^owner +server:${id}$`, 'm'))
  })

  test('are changed in what is named, and in nothing else', async () => {
    service.clock.freeze('2026-11-21T12:00:00.000Z')
    const { id, name } = await service.createKey('bob', { note: 'stays', allowed_ips: ['192.0.2.0/24'] })

    const outcome = await admin(
      ...['api-key', 'update', id, '--groups', 'tools', '--limit-per-day', '7', '--expires-in', '1h'],
      ...['--read-only', '--no-allowed-ips'],
    )

    expect(outcome).toEqual({ exitCode: 0, out: '', told: `The key ${id}, "${name}", of bob, is changed.\n` })
    expect(await json('api-key', 'show', id)).toMatchObject({
      ...{ note: 'stays', groups: ['tools'], read_only: true, allowed_ips: [], scopes: ['inherit'] },
      ...{ limits: { per_day: 7 }, expires_at: '2026-11-21T13:00:00.000Z' },
    })
    const lifted = await json('api-key', 'update', id, '--no-groups', '--no-limit-per-day', '--never-expires')
    expect(lifted).toMatchObject({ groups: [], limits: { per_day: null }, expires_at: null, read_only: true })
  })

  test('are disabled so that their owner cannot enable them, and enabled again', async () => {
    const { id, value, name } = await service.createKey('bob')

    const disabled = await admin('api-key', 'disable', id)
    const whileDisabled = await statusOf(value)
    const headers = await service.as('bob')
    const url = `/api-keys/${id}`
    const ofOwner = await service.inject({ method: 'PATCH', url, headers, payload: { enabled: true } })
    const enabled = await admin('api-key', 'enable', id)

    expect(disabled).toEqual({
      exitCode: 0,
      out: '',
      told: `The key ${id}, "${name}", of bob, is disabled.\n`,
    })
    expect([whileDisabled, ofOwner.status, await statusOf(value)]).toEqual([401, 403, 200])
    expect(enabled.told).toBe(`The key ${id}, "${name}", of bob, is enabled.\n`)
  })

  test('are revoked once that was confirmed, and refused from then on', async () => {
    const { id, value, name } = await service.createKey('bob')

    const no = await latchkey(['admin', 'api-key', 'revoke', id], { typed: '\n' })
    const before = await statusOf(value)
    const yes = await latchkey(['admin', 'api-key', 'revoke', id, '--permanent'], { typed: 'yes\n' })

    expect(no).toMatchObject({ exitCode: 1, out: '' })
    expect(before).toBe(200)
    expect(yes).toMatchObject({ exitCode: 0, out: '' })
    expect(yes.told).toContain(`Revoke the key ${id}, "${name}", of bob?`)
    expect(yes.told).toContain(`The key ${id}, "${name}", of bob, is revoked for good.`)
    expect(await statusOf(value)).toBe(401)
  })

  test('are deleted, a server key with its server user', async () => {
    const { id, value } = await json('server-key', 'create', '--name', 'going')

    const outcome = await admin('api-key', 'delete', id, '--yes')

    expect(outcome).toEqual({ exitCode: 0, out: '', told: `The key ${id} is deleted.\n` })
    expect(await statusOf(value)).toBe(401)
    expect((await admin('owner', 'limits', `server:${id}`)).exitCode).toBe(1)
  })

  test('have counters, that are told and begin anew', async () => {
    service.clock.freeze('2026-11-21T12:00:00.000Z')
    const { id, value } = await json('server-key', 'create', '--name', 'counted', '--limit-per-day', '3')
    await statusOf(value)

    const used = await admin('quota', 'show', id)
    const reset = await admin('quota', 'reset', id)
    const anew = await json('quota', 'show', id)

    expect(
      used.out
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
    ).toEqual([
      ['Whose', 'Per', 'Limit', 'Used', 'Remaining', 'Anew at (UTC)'],
      [`key:${id}`, 'day', '3', '1', '2', '2026-11-22T00:00:00'],
    ])
    expect(reset).toEqual({ exitCode: 0, out: '', told: `The counters of the API key ${id} begin anew.\n` })
    expect(anew.quotas).toMatchObject([{ used: 0, remaining: 3 }])
  })

  test('without limits have no counters, which is told', async () => {
    const { id } = await service.createKey('bob')

    const outcome = await admin('quota', 'show', id)

    const told = `Neither the API key ${id} nor its owner has limits.\n`
    expect(outcome).toEqual({ exitCode: 0, out: '', told })
  })
})

describe('administrators', () => {
  test('renew a key that they revoked', async () => {
    const { id, value } = await service.createKey('bob')
    await admin('api-key', 'revoke', id, '--yes')

    const { exitCode, told } = await admin('api-key', 'renew', id, '--expires-in', '30d')

    expect(exitCode).toBe(0)
    expect(told).toContain('is renewed. It ends: ')
    expect(told).toContain('in 30 days')
    expect(await statusOf(value)).toBe(200)
  })

  test('rotate a server key, whose new value is all that stdout holds', async () => {
    const { value } = await aServerKey({ name: 'to be rotated' })
    const [, id = ''] = value.split('_')

    const { exitCode, out, told } = await admin('server-key', 'rotate', id, '--grace', '1h')

    expect(exitCode).toBe(0)
    expect(out).toMatch(new RegExp(`^lk_${id}_\\w{49}\\n$`))
    expect(told).toContain('has a new value. The old one ends: ')
    expect(told).not.toContain(out.trim())
    expect(await statusOf(out.trim())).toBe(200)
    expect(await statusOf(value)).toBe(200)
  })

  test('do not get a value of the key of a person', async () => {
    const { id, value } = await service.createKey('bob')

    const outcome = await admin('server-key', 'rotate', id)

    expect(outcome).toMatchObject({ exitCode: 1, out: '' })
    expect(outcome.told).toContain('only that person may have its value')
    expect(await statusOf(value)).toBe(200)
  })

  test('revoke several keys at once, and read their ids', async () => {
    const keys = [await service.createKey('bob'), await service.createKey('alice')]
    const [one, other] = keys

    const unsure = await admin('api-key', 'revoke-many', String(one?.id))
    const none = await admin('api-key', 'revoke-many', '--yes', String(one?.id), 'unknown')
    // A whole value names its key, and is not sent.
    const all = await admin('api-key', 'revoke-many', '--yes', String(one?.id), String(other?.value))

    expect(unsure).toMatchObject({ exitCode: 64, out: '' })
    expect(none).toMatchObject({ exitCode: 1, out: '' })
    expect(none.told).toContain('ids.1')
    expect(all).toMatchObject({ exitCode: 0, out: `${one?.id}\n${other?.id}\n` })
    expect(all.told).toContain('Revoked 2 API keys.')
    for (const { value } of keys) expect(await statusOf(value)).toBe(401)
  })
})
