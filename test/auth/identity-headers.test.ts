import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createIdentityHeaderRemover } from '../../src/auth/identity-headers.js'
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
