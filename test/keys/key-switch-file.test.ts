import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { administrationOf } from '../admin/world.js'
import { makeLink } from '../links/links.js'
import { openTestDatabase } from '../support/database.js'
import { startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'
import { openWatchedDatabase } from '../support/watched-database.js'
import { expectProblem } from './requests.js'

const url = '/admin/providers/api-key'
const provider = (disabled: boolean) => ({ name: 'api-key', type: 'api-key', disabled })
const json = (disabled: boolean) => JSON.stringify(provider(disabled))

const folder = mkdtempSync(join(tmpdir(), 'latchkey-provider-'))
const path = join(folder, 'api-key.json')
afterAll(() => rmSync(folder, { recursive: true }))

const write = (content: string) => writeFileSync(path, content)

let service: TestService
let upstream: Upstream
let key: { id: string; value: string }
const ask = administrationOf(() => service)
const status = async (value = key.value) => (await ask.with(value)).status
/** Once the file has been read again, and a little longer. */
const afterReading = () => sleep(600)
const says = (text: string) => service.log.filter((line) => line.includes(text)).length
const isOff = (value = key.value) => expect.poll(() => status(value), { timeout: 5000 }).toBe(401)
const isOn = (value = key.value) => expect.poll(() => status(value), { timeout: 5000 }).toBe(200)

beforeAll(async () => {
  write(json(false))
  service = await startService(
    { API_KEYS_PROVIDER_FILE: path, KEY_ENCRYPTION_SECRET: 'e'.repeat(32) },
    { hasGateway: true },
  )
  upstream = await startUpstream((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
  })
  await setServices(service, { id: 'events', target: upstream.url })
  key = await service.createKey('bob')
})
afterAll(async () => {
  await upstream.close()
  await service.close()
})
beforeEach(() => {
  service.log.length = 0
})
afterEach(async () => {
  rmSync(path, { recursive: true, force: true })
  write(json(false))
  await isOn()
})

describe('a file that says disabled', () => {
  test('refuses the links of a key too, until keys are on again', async () => {
    const link = await makeLink(service, await service.createKey('alice'), '/events')
    const statusOfLink = async () => {
      const cut = new AbortController()
      const { status } = await fetch(link, { signal: cut.signal })
      cut.abort()
      return status
    }
    expect(await statusOfLink()).toBe(200)

    write(json(true))

    await isOff()
    expect(await statusOfLink()).toBe(401)
  })

  test('refuses every key, in whatever form it comes, while OAuth2 goes on', async () => {
    const signer = await service.createKey('bob', { jwt: true })
    const secret = new TextEncoder().encode(signer.value.split('_')[2])
    const jwt = await new SignJWT({ iss: signer.id }).setProtectedHeader({ alg: 'HS256' }).sign(secret)
    const foreign = { value_sha256: createHash('sha256').update('a foreign value').digest('hex') }
    expect((await ask.admin('POST', '/admin/api-keys', { name: 'foreign', ...foreign })).status).toBe(201)
    const server = await ask.serverKey()
    const unseen = await service.createKey('bob')
    const headers = [
      { 'x-api-key': key.value },
      { authorization: `Bearer ${jwt}` },
      { 'x-api-key': 'a foreign value' },
      { 'x-api-key': server.value },
    ]
    for (const each of headers) {
      expect((await service.inject({ url: '/me', headers: each })).status).toBe(200)
    }

    write(json(true))
    await isOff()

    for (const each of [...headers, { 'x-api-key': unseen.value }]) {
      expectProblem(await service.inject({ url: '/me', headers: each }), 401, 'invalid_credential')
    }
    const payload = { value: key.value }
    const verdict = await service.inject({ method: 'POST', url: '/api-keys/verify', payload })
    expect(verdict.json).toMatchObject({ valid: false, code: 'invalid_credential' })
    expect((await ask.bob('GET', '/me')).status).toBe(200)
    expect((await ask.bob('GET', `/api-keys/${key.id}`)).json.status).toBe('active')
  })

  test('lets nobody make a key, neither a person nor an administrator', async () => {
    write(json(true))
    await isOff()
    const before = await service.db.prisma.apiKey.count()

    expectProblem(await ask.bob('POST', '/api-keys', { name: 'late' }), 403, 'keys_disabled')
    expectProblem(await ask.admin('POST', '/admin/api-keys', { name: 'late' }), 403, 'keys_disabled')
    expect(await service.db.prisma.apiKey.count()).toBe(before)
  })

  test('ends a stream at the gateway within a second', async () => {
    const { body } = await fetch(`${service.gatewayUrl}/events`, { headers: { 'x-api-key': key.value } })
    const reader = body?.getReader()
    await reader?.read()
    await sleep(500)

    const begun = performance.now()
    write(json(true))
    await expect(reader?.read()).rejects.toThrow()

    expect(performance.now() - begun).toBeLessThan(1000)
  })

  test('is shown, and cannot be contradicted by an administrator', async () => {
    write(json(true))
    await isOff()

    expect((await ask.admin('GET', url)).json).toEqual(provider(true))
    for (const disabled of [true, false]) {
      expectProblem(await ask.admin('PUT', url, provider(disabled)), 409, 'set_by_file')
    }
    expect(await status()).toBe(401)
    expectProblem(await ask.bob('PUT', url, provider(false)), 403, 'insufficient_scope')
  })

  test('is a line in the log and one in the ledger, by the file, and so is its end', async () => {
    const before = (await ask.linesOf('api-key')).length
    write(json(true))
    await isOff()
    await afterReading()
    write(json(false))
    await isOn()

    await expect
      .poll(async () => (await ask.linesOf('api-key')).slice(before))
      .toMatchObject([
        { action: 'provider.disabled', actorLogin: 'API_KEYS_PROVIDER_FILE', via: 'file' },
        { action: 'provider.enabled', actorLogin: 'API_KEYS_PROVIDER_FILE', via: 'file' },
      ])
    expect([says('switched off by a file'), says('on, as a file says')]).toEqual([1, 1])
  })
})

describe('the file is followed', () => {
  test('when it is written in place, in the same length and with the time of before', async () => {
    for (const disabled of [true, false, true]) {
      write(`${JSON.stringify(provider(disabled)).padEnd(80)}\n`)
      await (disabled ? isOff() : isOn())
    }
  })

  test('when another is put in its place, as editors do', async () => {
    for (const disabled of [true, false]) {
      writeFileSync(`${path}.new`, json(disabled))
      renameSync(`${path}.new`, path)
      await (disabled ? isOff() : isOn())
    }
  })

  test('when it is a link that leads elsewhere from now on, as in a mounted ConfigMap', async () => {
    const publish = (version: string, disabled: boolean) => {
      mkdirSync(join(folder, version))
      writeFileSync(join(folder, version, 'api-key.json'), json(disabled))
      symlinkSync(version, join(folder, '..data_tmp'))
      renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
    }
    publish('..v1', true)
    rmSync(path)
    symlinkSync(join('..data', 'api-key.json'), path)
    await isOff()

    publish('..v2', false)
    await isOn()
    publish('..v3', true)

    await isOff()
  })
})

describe('what cannot be read changes nothing, and is told once:', () => {
  const spoil: [string, () => void, string][] = [
    ['a file that is gone', () => rmSync(path), 'it cannot be read (ENOENT)'],
    ['a folder', () => [rmSync(path), mkdirSync(path)], 'it cannot be read (EISDIR)'],
    ['an empty file', () => write(''), 'it is not JSON'],
    ['half a file', () => write(json(false).slice(0, 30)), 'it is not JSON'],
    [
      'a word of another type',
      () => write('{"name":"api-key","type":"api-key","disabled":"no"}'),
      'disabled',
    ],
    [
      'a member too many',
      () => write('{"name":"api-key","type":"api-key","disabled":false,"on":1}'),
      'on is not',
    ],
    ['a member too few', () => write('{"name":"api-key","type":"api-key"}'), 'disabled is required'],
    [
      'another provider',
      () => write('{"name":"oauth","type":"api-key","disabled":false}'),
      'must be \\"api-key',
    ],
    ['no object', () => write('false'), 'must be object'],
  ]

  test.each(spoil)('%s leaves keys off', async (_case, spoilIt, fault) => {
    write(json(true))
    await isOff()

    spoilIt()
    await afterReading()

    expect(await status()).toBe(401)
    expect(service.log.filter((line) => line.includes(fault))).toHaveLength(1)
    expect(says('stay off')).toBe(1)
  })

  test.each(spoil)('%s leaves keys on', async (_case, spoilIt) => {
    spoilIt()
    await afterReading()

    expect(await status()).toBe(200)
    expect(says('stay on')).toBe(1)
    expect((await ask.admin('GET', url)).json).toEqual(provider(false))
  })

  test('and once it is good again, it holds and the log says so', async () => {
    write('{')
    await afterReading()

    write(json(true))
    await isOff()

    expect(says('can be used again')).toBe(1)
  })
})

describe('what is stored of it', () => {
  test('waits for a database that is away; the file does not', async () => {
    const db = await openWatchedDatabase()
    write(json(false))
    const watched = await startService({ API_KEYS_PROVIDER_FILE: path }, { db })
    const { value } = await watched.createKey('bob')
    const call = async () => (await watched.inject({ url: '/me', headers: { 'x-api-key': value } })).status
    expect(await call()).toBe(200)

    db.isDown = true
    write(json(true))
    await expect.poll(call, { timeout: 5000 }).toBe(401)
    expect(watched.log.join()).toContain('could not be stored yet')
    db.isDown = false

    const stored = () => db.prisma.auditEvent.count({ where: { action: 'provider.disabled' } })
    await expect.poll(stored, { timeout: 5000 }).toBe(1)
    expect(await db.prisma.provider.findMany()).toEqual([{ name: 'api-key', disabled: true }])
    await watched.close()
  })

  test('does not outlive what the file says, and holds once there is no file', async () => {
    const db = await openTestDatabase()
    const services: TestService[] = []
    const start = async (env: Record<string, string>) => {
      const started = await startService(env, { db: { ...db, close: async () => {} } })
      services.push(started)
      return started
    }
    write(json(true))
    await start({ API_KEYS_PROVIDER_FILE: path })
    const withoutFile = await start({})
    const headers = await withoutFile.as('bob')
    const make = { method: 'POST', url: '/api-keys', headers, payload: { name: 'x' } } as const

    const refused = await withoutFile.inject(make)
    write(json(false))
    await start({ API_KEYS_PROVIDER_FILE: path })

    expectProblem(refused, 403, 'keys_disabled')
    expect((await withoutFile.inject(make)).status).toBe(201)
    for (const each of services) await each.close()
    await db.close()
  })
})
