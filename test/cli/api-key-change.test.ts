import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { asAdministrator } from '../services/administrator.js'
import { startService, type TestService } from '../support/service.js'
import { apiKeyCommands, valuePattern } from './api-key-world.js'

let service: TestService
const run = apiKeyCommands(() => service)
beforeAll(async () => {
  service = await startService()
})
beforeEach(async () => {
  await service.db.prisma.apiKey.deleteMany()
  service.clock.freeze('2026-11-21T10:00:00.000Z')
})
afterAll(() => service.close())

const all = ['show', 'revoke', 'renew', 'rotate', 'enable', 'disable', 'update --note x', 'delete --yes']
const ask = async (url: string) => service.inject({ url, headers: await service.as('alice') })
const show = async (id: string) => (await ask(`/api-keys/${id}`)).json
const call = async (value: string) =>
  (await service.inject({ url: '/me', headers: { 'x-api-key': value } })).status
const without = (value: string) => `lk_${value.split('_')[1]}_`

describe.each(all)('%s', (words) => {
  test('of an unknown key, of nobody else’s key: one answer, in words', async () => {
    const ofBob = await service.createKey('bob')

    const outcomes = [await run(`${words} Unknown1`), await run(`${words} ${ofBob.id}`)]

    expect(outcomes).toEqual(
      ['Unknown1', ofBob.id].map((id) => ({
        exitCode: 1,
        out: '',
        told: `latchkey: you have no API key with the id ${id} (not_found)\n`,
      })),
    )
    expect(await call(ofBob.value)).toBe(200)
  })

  test('without a key, with two, or with half a value nothing is asked of the service, and no value quoted', async () => {
    const { value } = await service.createKey('alice')
    const never = async () => {
      throw new Error('The service was asked')
    }

    const outcomes = [
      await run(words, { fetch: never }),
      await run(`${words} ${value} --value-file -`, { fetch: never, input: value }),
      await run(`${words} ${value.slice(0, -1)}`, { fetch: never }),
      await run(`${words} --value-file -`, { fetch: never, input: `${value}\n${value}` }),
    ]

    expect(outcomes.map(({ exitCode, out }) => ({ exitCode, out }))).toEqual(
      Array.from({ length: 4 }, () => ({ exitCode: 64, out: '' })),
    )
    expect(outcomes.map(({ told }) => told).join()).not.toContain(value.slice(3, 20))
  })

  test('a whole value names its key, and its secret is not sent', async () => {
    const key = await service.createKey('alice')
    const sent: string[] = []
    const listen: typeof fetch = (url, init) => {
      sent.push(`${url} ${JSON.stringify([...new Headers(init?.headers)])} ${init?.body}`)
      return fetch(url, init)
    }

    const outcomes = [
      await run(`${words} --value-file -`, { input: `${key.value}\n`, fetch: listen }),
      words.startsWith('delete') ? { exitCode: 0 } : await run(`${words} ${key.value}`, { fetch: listen }),
    ]

    expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([0, 0])
    expect(sent.join()).toContain(`/api-keys/${key.id}`)
    expect(sent.join()).not.toContain(key.value.slice(without(key.value).length))
  })
})

test('a service that is away is told, and nothing claimed', async () => {
  const away = async () => {
    throw new TypeError('fetch failed')
  }

  for (const words of all) {
    const { exitCode, out, told } = await run(`${words} Zk3vQ9aB`, { fetch: away })

    expect({ words, exitCode, out }).toEqual({ words, exitCode: 69, out: '' })
    expect(told).toContain('(unreachable)')
  }
})

describe('revoke', () => {
  test('ends a key at once, and again is the same', async () => {
    const { id, value } = await service.createKey('alice', { name: 'nightly' })

    const outcomes = [await run(`revoke ${id}`), await run(`revoke ${id}`)]

    const told = `The key ${id}, "nightly", is revoked.\n`
    expect(outcomes).toEqual([
      { exitCode: 0, out: '', told },
      { exitCode: 0, out: '', told },
    ])
    expect(await call(value)).toBe(401)
    expect((await run(`renew ${id}`)).exitCode).toBe(0)
    expect(await call(value)).toBe(200)
  })

  test('--permanent ends it for good', async () => {
    const { id } = await service.createKey('alice')

    expect((await run(`revoke ${id} --permanent`)).told).toContain('is revoked for good.')

    const { exitCode, told } = await run(`renew ${id}`)
    expect(exitCode).toBe(1)
    expect(told).toContain('(permanently_revoked)')
  })
})

describe('renew', () => {
  test.each([
    ['--expires-in 0', 'It is a whole number'],
    ['--expires-at yesterday', 'It is a time such as'],
    ['--expires-at 2026-02-30', 'It is a time such as'],
    ['--expires-in 1h --expires-at 2026-12-31', 'cannot be used with option'],
    ['--never-expires', 'unknown option'],
  ])('%s changes nothing', async (words, complaint) => {
    const { id } = await service.createKey('alice', { expires_in: 60 })

    const { exitCode, told } = await run(`renew ${id} ${words}`)

    expect(exitCode).toBe(64)
    expect(told).toContain(complaint)
    expect((await show(id)).expires_at).toBe('2026-11-21T10:01:00.000Z')
  })

  test('an end in the past is refused by the service', async () => {
    const { id } = await service.createKey('alice')

    const { exitCode, told } = await run(`renew ${id} --expires-at 2026-11-21`)

    expect(exitCode).toBe(1)
    expect(told).toContain('expires_at must be in the future')
  })

  test.each([
    ['', '2026-12-06T10:00:00.000Z', '15 days'],
    ['--expires-in 90s', '2026-11-21T10:01:30.000Z', '90 seconds'],
    ['--expires-at 2026-11-22', '2026-11-22T00:00:00.000Z', '14 hours'],
    ['--expires-at 2026-11-21T12:00:00+01:00', '2026-11-21T11:00:00.000Z', '60 minutes'],
  ])('renew %s ends it at %s', async (words, end, span) => {
    const { id } = await service.createKey('alice', { name: 'nightly', expires_in: 3600 })

    const { told } = await run(`renew ${id} ${words}`)

    expect((await show(id)).expires_at).toBe(end)
    expect(told).toBe(`The key ${id}, "nightly", is renewed. It ends: ${end.slice(0, 19)} UTC, in ${span}.\n`)
  })

  test('a key that never expires stays so', async () => {
    const { id } = await service.createKey('alice', { never_expires: true })

    expect((await run(`renew ${id}`)).told).toContain('It ends: never.')
  })
})

describe('rotate', () => {
  test('prints the new value alone, and the old one has ended', async () => {
    const { id, value } = await service.createKey('alice', { name: 'nightly' })

    const { exitCode, out, told } = await run(`rotate ${id}`)

    expect(exitCode).toBe(0)
    expect(out).toMatch(new RegExp(`^lk_${id}_[0-9A-Za-z]{49}\n$`))
    expect(told).toContain(`The key ${id}, "nightly", has a new value. The old one has ended.`)
    expect(told).not.toMatch(valuePattern)
    expect([await call(out.trim()), await call(value)]).toEqual([200, 401])
  })

  test('with a grace both work until it ends, to the second', async () => {
    const { id, value } = await service.createKey('alice')

    const { out, told } = await run(`rotate ${id} --grace 1h`)

    expect(told).toContain('The old one ends: 2026-11-21T11:00:00 UTC, in 60 minutes.')
    service.clock.advance(3_599_000)
    expect([await call(out.trim()), await call(value)]).toEqual([200, 200])
    service.clock.advance(1000)
    expect([await call(out.trim()), await call(value)]).toEqual([200, 401])
  })

  test('a grace of more than 30 days is refused, and the old value goes on', async () => {
    const { id, value } = await service.createKey('alice')

    const { exitCode, out } = await run(`rotate ${id} --grace 31d`)

    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' })
    expect(await call(value)).toBe(200)
  })

  test('a value that cannot be written, or whose answer is lost, is told of', async () => {
    const { id } = await service.createKey('alice')
    const cutOff = async (...request: Parameters<typeof fetch>) => {
      await (await fetch(...request)).text()
      throw new TypeError('terminated')
    }

    const outcomes = [
      await run(`rotate ${id}`, { brokenBy: 'ENOSPC' }),
      await run(`rotate ${id}`, { fetch: cutOff }),
    ]

    expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([73, 69])
    for (const { out, told } of outcomes) {
      expect(told).toContain(`rotate it again: latchkey api-key rotate ${id}`)
      expect(out + told).not.toMatch(valuePattern)
    }
  })
})

describe('enable and disable', () => {
  test('what an administrator disabled its owner cannot enable', async () => {
    const { id } = await service.createKey('alice')
    const headers = await asAdministrator(service)
    await service.inject({
      method: 'PATCH',
      url: `/admin/api-keys/${id}`,
      headers,
      payload: { enabled: false },
    })

    const { exitCode, told } = await run(`enable ${id}`)

    expect(exitCode).toBe(1)
    expect(told).toContain('(set_by_administrator)')
  })

  test('a key pauses and works again', async () => {
    const { id, value } = await service.createKey('alice', { name: 'nightly' })

    const paused = await run(`disable ${id}`)
    const status = await call(value)
    const enabled = await run(`enable ${id}`)

    expect(paused.told).toBe(`The key ${id}, "nightly", is disabled.\n`)
    expect(status).toBe(401)
    expect(enabled.told).toBe(`The key ${id}, "nightly", is enabled.\n`)
    expect(await call(value)).toBe(200)
  })

  test('enabling one that has expired says that it still does not work', async () => {
    const { id } = await service.createKey('alice', { expires_in: 1 })
    await run(`disable ${id}`)
    service.clock.advance(1000)

    expect((await run(`enable ${id}`)).told).toContain('is enabled, but its status is: expired.')
  })
})

describe('update', () => {
  test('without anything to change is wrong', async () => {
    const { id } = await service.createKey('alice')

    const { exitCode, told } = await run(`update ${id}`)

    expect(exitCode).toBe(64)
    expect(told).toContain('what shall change?')
  })

  test('an address that is none changes nothing', async () => {
    const { id } = await service.createKey('alice', { name: 'nightly' })

    const { exitCode, told } = await run(`update ${id} --name other --allowed-ips nowhere`)

    expect(exitCode).toBe(1)
    expect(told).toContain('allowed_ips')
    expect((await show(id)).name).toBe('nightly')
  })

  test('what is named changes, the rest stays', async () => {
    const { id } = await service.createKey('alice', { name: 'nightly', allowed_referers: ['a.example'] })

    const { told } = await run(`update ${id} --allowed-ips 192.0.2.7 10.0.0.0/8 --note new --config {"a":1}`)

    expect(await show(id)).toMatchObject({
      ...{ name: 'nightly', note: 'new', allowed_ips: ['192.0.2.7', '10.0.0.0/8'] },
      ...{ allowed_referers: ['a.example'], config: { a: 1 } },
    })
    expect(told).toBe(`The key ${id}, "nightly", is changed.\n`)
  })

  test('restrictions are taken away by --no-…', async () => {
    const { id } = await service.createKey('alice', {
      allowed_ips: ['192.0.2.7'],
      allowed_referers: ['a.example'],
    })

    await run(`update ${id} --no-allowed-ips --no-allowed-referers`)

    expect(await show(id)).toMatchObject({ allowed_ips: [], allowed_referers: [] })
  })
})

describe('delete', () => {
  test('without a terminal needs --yes', async () => {
    const { id } = await service.createKey('alice')

    const { exitCode, told } = await run(`delete ${id}`, { input: 'y\n' })

    expect(exitCode).toBe(64)
    expect(told).toContain('--yes')
    expect((await show(id)).id).toBe(id)
  })

  test('asks by name at a terminal, and anything but a yes keeps the key', async () => {
    const { id } = await service.createKey('alice', { name: 'nightly' })

    const { exitCode, told } = await run(`delete ${id}`, { typed: '\n' })

    expect(exitCode).toBe(1)
    expect(told).toBe(`Delete the key ${id}, "nightly", for good? [y/N] latchkey: nothing was done\n`)
    expect((await show(id)).id).toBe(id)
  })

  test.each([
    ['a yes', { typed: 'y\n' }, ''],
    ['--yes', {}, ' --yes'],
  ])('with %s the key is gone, and its name free', async (_what, wishes, words) => {
    const { id, value } = await service.createKey('alice', { name: 'nightly' })

    const { exitCode, out, told } = await run(`delete ${id}${words}`, wishes)

    expect({ exitCode, out }).toEqual({ exitCode: 0, out: '' })
    expect(told).toContain(`The key ${id} is deleted.\n`)
    expect(await call(value)).toBe(401)
    expect((await run('create --name nightly')).exitCode).toBe(0)
  })
})

describe('show', () => {
  test('tells what holds of a key, and no value', async () => {
    const { id } = await service.createKey('alice', {
      ...{ name: 'nightly', note: 'Runs on\nnode 7', expires_in: 600, read_only: true, config: { a: 1 } },
      ...{ allowed_ips: ['192.0.2.7'], allowed_referers: ['a.example'], scopes: ['rspy-user'] },
    })
    await run(`rotate ${id} --grace 1m`)

    const { out, told } = await run(`show ${id}`)

    expect(told).toBe('')
    expect(out.split('\n')).toEqual([
      `id              ${id}`,
      'name            nightly',
      'note            Runs on node 7',
      'status          active',
      'owner           alice (user)',
      'scopes          rspy-user',
      'read only       yes',
      'made            2026-11-21T10:00:00 UTC',
      'ends            2026-11-21T10:10:00 UTC, in 10 minutes',
      'last used       -',
      'calls           0, today 0',
      'earlier values  work until 2026-11-21T10:01:00 UTC, in 60 seconds (last used -)',
      'from addresses  192.0.2.7',
      'from pages of   a.example',
      'config          {"a":1}',
      '',
    ])
  })

  test('tells when and by whom it was revoked', async () => {
    const { id } = await service.createKey('alice')
    await run(`revoke ${id}`)

    expect((await run(`show ${id}`)).out).toContain('revoked    2026-11-21T10:00:00 UTC by owner')
  })
})

test('--json prints the key as the service answers', async () => {
  const { id } = await service.createKey('alice')

  for (const words of ['show', 'renew', 'disable', 'enable', 'update --note x', 'revoke']) {
    const { out } = await run(`${words} ${id} --json`)

    expect(JSON.parse(out)).toEqual(await show(id))
  }
  expect(JSON.parse((await run(`rotate ${id} --json`)).out)).toMatchObject({ id, value: expect.any(String) })
})
