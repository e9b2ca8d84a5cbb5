import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { commandLineOf } from './admin-world.js'

let service: TestService
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-admin-'))
  const file = aFile('services.json', {
    groups: [{ id: 'of-file', name: 'Of the file' }],
    services: [
      { id: 'of-file', name: 'Of the file', group: 'of-file', prefix: '/file', target: 'http://file.test' },
    ],
  })
  service = await startService({ SERVICES_FILE: file })
  await admin('group', 'create', 'tools')
})
afterAll(async () => {
  await service.close()
  rmSync(folder, { recursive: true })
})

const { admin, json, latchkey } = commandLineOf(() => service)

/** @returns its path */
function aFile(name: string, content: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

let number = 0
let id: string
beforeEach(() => {
  id = `service-${++number}`
})
const required = () => ['--group', 'tools', '--prefix', `/${id}`, '--target', 'http://upstream.test:8080']

test('a service that is not there is told by its id', async () => {
  const outcomes = [
    await admin('service', 'show', 'nowhere'),
    await admin('service', 'update', 'nowhere', '--name', 'Nowhere'),
    await admin('service', 'disable', 'nowhere'),
    await admin('service', 'delete', 'nowhere', '--yes'),
  ]

  const told = 'latchkey: there is no service nowhere (not_found)\n'
  expect(outcomes).toEqual(outcomes.map(() => ({ exitCode: 1, out: '', told })))
})

test('what the file of services made is changed only there', async () => {
  const outcomes = [
    await admin('service', 'update', 'of-file', '--name', 'Mine'),
    await admin('service', 'disable', 'of-file'),
    await admin('service', 'delete', 'of-file', '--yes'),
    await admin('group', 'update', 'of-file', '--name', 'Mine'),
    await admin('group', 'delete', 'of-file', '--yes'),
  ]

  for (const { exitCode, out, told } of outcomes) {
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' })
    expect(told).toContain('set_by_file')
  }
  expect(await json('service', 'show', 'of-file')).toMatchObject({ name: 'Of the file', enabled: true })
})

test('each fault of a descriptor file is named', async () => {
  const path = aFile('faulty.json', {
    ...{ id, name: '', group: 'tools', prefix: 'no-slash', target: 'ftp://upstream.test' },
    ...{ timeout_ms: 0, access: { kinds: ['robot'] }, colour: 'red' },
  })

  const { exitCode, out, told } = await admin('service', 'create', '--file', path)

  expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' })
  for (const member of ['name', 'prefix', 'target', 'timeout_ms', 'access.kinds', 'colour']) {
    expect(told).toMatch(new RegExp(`^ {2}${member}`, 'm'))
  }
  expect((await admin('service', 'show', id)).exitCode).toBe(1)
})

test.each([
  ['what is not there', 'no-such.json', undefined, 73, 'cannot be read: ENOENT'],
  ['what is no JSON', 'text.json', '{"id": ', 64, 'is no JSON'],
  ['nothing at all', 'empty.json', '', 64, 'is no JSON'],
  ['a list', 'list.json', '[]', 64, 'holds no JSON object'],
  ['more than the service takes', 'large.json', ' '.repeat(1_048_577), 64, 'larger than 1 MiB'],
])('a descriptor file that is %s is told in a sentence', async (_, name, content, exitCode, sentence) => {
  const path = content === undefined ? join(folder, name) : aFile(name, content)

  const outcome = await latchkey(['admin', 'service', 'create', '--file', path], {
    env: { LATCHKEY_URL: 'http://127.0.0.1:1' },
  })

  expect(outcome).toMatchObject({ exitCode, out: '' })
  expect(outcome.told).toContain(name)
  expect(outcome.told).toContain(sentence)
})

test('a file that describes another service than the command is refused', async () => {
  const path = aFile('other.json', { id: 'other', enabled: false })

  const outcome = await admin('service', 'update', 'of-file', '--file', path)

  expect(outcome).toMatchObject({ exitCode: 64, out: '' })
})

test('a service needs an id, and a member that the service knows', async () => {
  const unnamed = await admin('service', 'create', ...required())
  const unchanged = await admin('service', 'update', 'of-file')
  const unknown = await admin('service', 'create', id, ...required(), '--preflight', 'never')

  expect([unnamed, unchanged, unknown].map(({ exitCode }) => exitCode)).toEqual([64, 64, 64])
})

test('a service that a key refers to is not deleted', async () => {
  await admin('service', 'create', id, ...required())
  await admin('server-key', 'create', '--name', `user of ${id}`, '--services', id)

  const outcome = await admin('service', 'delete', id, '--yes')

  expect(outcome).toMatchObject({ exitCode: 1, out: '' })
  expect(outcome.told).toContain('in_use')
})

test('a service is made by options, with the defaults of the service for the rest', async () => {
  const outcome = await admin(
    ...['service', 'create', id, ...required(), '--no-strip-prefix', '--scopes', 'rspy-user', 'a right'],
    ...['--accept-query', '--timeout-ms', '5000', '--kinds', 'server'],
  )

  expect(outcome).toEqual({
    exitCode: 0,
    out: '',
    told: `The service ${id} is at /${id} of the gateway.\n`,
  })
  expect(await json('service', 'show', id)).toMatchObject({
    ...{ id, name: id, group: 'tools', strip_prefix: false, timeout_ms: 5000, enabled: true },
    access: { scopes: ['rspy-user', 'a right'], write_scopes: [], kinds: ['server'] },
    accept: { query: true, cookie: true, basic: true },
  })
})

test('options count more than the file', async () => {
  const descriptor = {
    id,
    name: 'Of a file',
    group: 'tools',
    prefix: '/elsewhere',
    target: 'http://file.test',
  }
  const path = aFile(`${id}.json`, { ...descriptor, access: { scopes: ['a'], kinds: ['user'] } })

  await admin('service', 'create', '--file', path, '--prefix', `/${id}`, '--scopes', 'b')

  expect(await json('service', 'show', id)).toMatchObject({
    ...{ name: 'Of a file', prefix: `/${id}`, target: 'http://file.test' },
    access: { scopes: ['b'], write_scopes: [], kinds: ['user'] },
  })
})

test('what show printed can be sent back, to change it or to make it again', async () => {
  await admin('service', 'create', id, ...required(), '--openapi-url', '/openapi.json')
  const shown = await json('service', 'show', id)

  const input = JSON.stringify({ ...shown, name: 'Edited' })
  const updated = await latchkey(['admin', 'service', 'update', id, '--file', '-'], { input })
  await admin('service', 'delete', id, '--yes')
  const again = await latchkey(['admin', 'service', 'create', '--file', '-'], { input })

  expect([updated.exitCode, again.exitCode]).toEqual([0, 0])
  const { created_at: _, ...members } = shown
  expect(await json('service', 'show', id)).toMatchObject({ ...members, name: 'Edited' })
})

test('a change concerns what it names, and nothing else', async () => {
  await admin(
    'service',
    'create',
    id,
    ...required(),
    '--scopes',
    'a',
    '--kinds',
    'user',
    '--max-body-bytes',
    '10',
  )

  const outcome = await admin(
    'service',
    'update',
    id,
    '--no-scopes',
    '--no-max-body-bytes',
    '--no-accept-cookie',
  )

  expect(outcome).toEqual({ exitCode: 0, out: '', told: `The service ${id} is changed.\n` })
  expect(await json('service', 'show', id)).toMatchObject({
    ...{ max_body_bytes: null, prefix: `/${id}` },
    ...{ access: { scopes: [], kinds: ['user'] }, accept: { query: false, cookie: false, basic: true } },
  })
})

test('a service is disabled, and enabled again', async () => {
  await admin('service', 'create', id, ...required())

  const disabled = await json('service', 'disable', id)
  const enabled = await json('service', 'enable', id)

  expect([disabled.enabled, enabled.enabled]).toEqual([false, true])
})

test('the list is a table of the services of a group', async () => {
  await admin('group', 'create', `of-${id}`)
  await admin(
    'service',
    'create',
    id,
    '--group',
    `of-${id}`,
    '--prefix',
    `/${id}`,
    '--target',
    'http://a.test',
  )

  const { out } = await admin('service', 'list', '--group', `of-${id}`)

  const [titles, line, ...others] = out
    .trimEnd()
    .split('\n')
    .map((row) => row.split(/ {2,}/))
  expect(titles).toEqual(['Id', 'Group', 'Prefix', 'Target', 'Scopes', 'Enabled', 'From'])
  expect(line).toEqual([id, `of-${id}`, `/${id}`, 'http://a.test', '-', 'yes', 'api'])
  expect(others).toEqual([])
})
