import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  createIdentityHeaderRemover,
  createIdentityHeaders,
  describeIdentity,
} from '../../src/auth/identity-headers.js'
import type { Principal } from '../../src/auth/types.js'
import { guardedApp } from '../support/guarded-app.js'
import { requestRaw } from '../support/raw-http.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let app: FastifyInstance
let port: number
let apiKey: string
beforeAll(async () => {
  service = await startService()
  const key = await service.createKey('alice')
  apiKey = `X-API-Key: ${key.value}`
  app = await guardedApp(service, [{ access: {} }])
  await app.listen({ host: '127.0.0.1', port: 0 })
  port = (app.server.address() as AddressInfo).port
})
afterAll(async () => {
  await app.close()
  await service.close()
})

const see = async (...headers: string[]) =>
  (await requestRaw(port, ['GET / HTTP/1.1', ...headers, apiKey])).json

test('what a client says about who it is reaches no route, in whatever spelling', async () => {
  const seen = await see(
    'Latchkey-Subject: forged',
    'LATCHKEY-ROLES: forged',
    'latchkey-login: forged',
    'latchkey_subject: forged',
    'Latchkey_Key_Id: forged',
    'LatchKey-Key_Id: forged',
    'Latchkey-Assertion: forged',
    'Latchkey-Anything: forged',
    'Latchkey-Subject: forged again',
  )

  expect(JSON.stringify(seen)).not.toMatch(/forged|latchkey[-_]/i)
  expect(seen.principal.login).toBe('alice')
})

test('the headers between them stay as they were, repeated ones too', async () => {
  const seen = await see(
    'Accept: a/b',
    'Latchkey-Subject: forged',
    'Accept: c/d',
    'Latchkeys: mine',
    'Latchkey: mine',
    'X-Latchkey-Subject: mine',
    'L: mine',
    'Latchkey-Roles: forged',
    'Cookie: a=1',
    'Cookie: b=2',
  )

  expect(seen.headers).toMatchObject({
    accept: 'a/b, c/d',
    latchkeys: 'mine',
    latchkey: 'mine',
    'x-latchkey-subject': 'mine',
    l: 'mine',
    cookie: 'a=1; b=2',
  })
  expect(seen.rawHeaders).not.toContain('Latchkey-Subject')
  expect(seen.rawHeaders.filter((word: string) => word === 'Accept')).toHaveLength(2)
})

test('another prefix protects other names', () => {
  const remove = createIdentityHeaderRemover('X-My_User')
  const message = {
    rawHeaders: ['X_MY-USER-Id', '1', 'x-my-user-id', '2', 'Latchkey-Subject', '3', 'X-My-Users', '4'],
    headers: { 'x_my-user-id': '1', 'x-my-user-id': '2', 'latchkey-subject': '3', 'x-my-users': '4' },
  }
  remove(message as unknown as Parameters<typeof remove>[0])

  expect(message).toEqual({
    rawHeaders: ['Latchkey-Subject', '3', 'X-My-Users', '4'],
    headers: { 'latchkey-subject': '3', 'x-my-users': '4' },
  })
})

const headersOf = createIdentityHeaders({ prefix: 'Latchkey' })
const aPrincipal = (facts: Partial<Principal> = {}): Principal => ({
  subject: 'alice-id',
  login: 'alice',
  name: 'Alice Liddell',
  email: 'alice@example.test',
  kind: 'user',
  via: 'oauth2',
  roles: [],
  scopes: [],
  attributes: {},
  config: {},
  ...facts,
})

test('a service is told who is calling, and nothing that it was not promised', () => {
  const principal = aPrincipal({
    via: 'api-key',
    keyId: 'Zk3vQ9aB',
    roles: ['reader', 'group:/space/ops'],
    scopes: ['reader'],
    config: { max: 3 },
  })

  expect(headersOf(principal)).toEqual({
    'Latchkey-Subject': 'alice-id',
    'Latchkey-Login': 'alice',
    'Latchkey-Kind': 'user',
    'Latchkey-Via': 'api-key',
    'Latchkey-Key-Id': 'Zk3vQ9aB',
    'Latchkey-Roles': 'reader group:/space/ops',
    'Latchkey-Scopes': 'reader',
    'Latchkey-Config': Buffer.from('{"max":3}').toString('base64url'),
  })
  expect(JSON.stringify(headersOf(principal))).not.toContain('Liddell')
})

test('what there is nothing to say of is empty, and there', () => {
  const headers = headersOf(aPrincipal())

  for (const name of ['Key-Id', 'Roles', 'Scopes', 'Config']) expect(headers[`Latchkey-${name}`]).toBe('')
})

test('where nobody had to say who they are, every header is there and empty', () => {
  const headers = headersOf(null)

  expect(Object.keys(headers)).toEqual(Object.keys(headersOf(aPrincipal())))
  expect(Object.values(headers).join('')).toBe('')
})

test('names are those of the prefix that was set', () => {
  const headers = createIdentityHeaders({ prefix: 'X-Caller' })(aPrincipal())

  expect(headers['X-Caller-Login']).toBe('alice')
  expect(Object.keys(headers).join()).not.toContain('Latchkey')
})

test.each([
  ['latchkey:catalog_read', 'latchkey:catalog_read'],
  ['group:/ops', 'group:/ops'],
  ['carol@example.org', 'carol@example.org'],
  ['!"#$&\'()*+-./:;<=>?@[\\]^_`{|}~', '!"#$&\'()*+-./:;<=>?@[\\]^_`{|}~'],
  ['a b', 'a%20b'],
  ['a,b', 'a%2Cb'],
  ['a%20b', 'a%2520b'],
  ['a\tb\u007f', 'a%09b%7F'],
  ['josé', 'jos%C3%A9'],
  ['\u00a0', '%C2%A0'],
  ['日😀', '%E6%97%A5%F0%9F%98%80'],
])('%j is told as %s in every header, and reads back', (item, told) => {
  const headers = headersOf(aPrincipal({ subject: item, login: item, roles: [item, 'x'], scopes: [item] }))

  expect(headers).toMatchObject({ 'Latchkey-Subject': told, 'Latchkey-Login': told })
  expect(headers).toMatchObject({ 'Latchkey-Roles': `${told} x`, 'Latchkey-Scopes': told })
  expect(decodeURIComponent(told)).toBe(item)
})

test('no role or login can begin another item, another header or another script', () => {
  const evil = 'a b\r\nLatchkey-Roles: admin, \u0000é日😀%20'

  const headers = headersOf(
    aPrincipal({ login: evil, roles: [evil, 'é'], scopes: [evil], config: { [evil]: evil } }),
  )

  for (const value of Object.values(headers)) expect(value).toMatch(/^[!-+\--~]*( [!-+\--~]+)*$/)
  expect(decodeURIComponent(headers['Latchkey-Login'] as string)).toBe(evil)
  expect(headers['Latchkey-Roles']?.split(' ').map(decodeURIComponent)).toEqual([evil, 'é'])
})

test('half a character is told as the sign for an unreadable one', () => {
  const headers = headersOf(aPrincipal({ login: 'a\ud800', roles: ['\udc00'], config: { half: '\ud800' } }))

  expect(headers['Latchkey-Login']).toBe('a%EF%BF%BD')
  expect(headers['Latchkey-Roles']).toBe('%EF%BF%BD')
  expect(headers['Latchkey-Config']).toMatch(/^[\w-]+$/)
})

test('headers are made once for a principal, and nobody can change them for the next request', () => {
  const principal = aPrincipal()

  const headers = headersOf(principal)

  expect(headersOf(principal)).toBe(headers)
  expect(headersOf({ ...principal })).not.toBe(headers)
  expect(Object.isFrozen(headers)).toBe(true)
  expect(Object.isFrozen(headersOf(null))).toBe(true)
})

test('a thousand roles leave room for the request: those are named that fit, scopes first, and none in part', () => {
  const thousand = Array.from({ length: 1000 }, (_, at) => `client:role/${at}`)
  const principal = aPrincipal({ roles: thousand, scopes: thousand.slice(0, 100) })

  const headers = headersOf(principal)
  const roles = headers['Latchkey-Roles']?.split(' ').map(decodeURIComponent) ?? []

  expect(Object.values(headers).join('').length).toBeLessThanOrEqual(5632)
  expect(headers['Latchkey-Scopes']?.split(' ')).toHaveLength(100)
  expect(roles.length).toBeGreaterThan(100)
  expect(roles).toEqual(thousand.slice(0, roles.length))
  expect(describeIdentity(principal).roles).toEqual(roles)
})

test('a list that just fits is whole, and one byte more costs its last item alone', () => {
  const rest = Object.values(headersOf(aPrincipal())).join('').length
  // Each item takes its quotes and a comma in the JSON of the assertion.
  const lengthOfLast = 5632 - rest - '"a",'.length - '"",'.length
  const withRoles = (length: number) =>
    headersOf(aPrincipal({ roles: ['a', 'r'.repeat(length)] }))['Latchkey-Roles']

  expect(withRoles(lengthOfLast)).toBe(`a ${'r'.repeat(lengthOfLast)}`)
  expect(withRoles(lengthOfLast + 1)).toBe('a')
})

test('the largest config of a key is told whole, and never in part', () => {
  const config = { text: 'x'.repeat(4085) }
  const huge = { text: 'x'.repeat(8000) }
  const roles = Array.from({ length: 1000 }, (_, at) => `role-${at}`)

  const [told, toldHuge] = [config, huge].map((config) => headersOf(aPrincipal({ config, roles })))

  expect(JSON.parse(Buffer.from(told?.['Latchkey-Config'] ?? '', 'base64url').toString())).toEqual(config)
  expect(JSON.parse(Buffer.from(toldHuge?.['Latchkey-Config'] ?? '', 'base64url').toString())).toEqual(huge)
  expect(toldHuge?.['Latchkey-Roles']).toBe('')
})
