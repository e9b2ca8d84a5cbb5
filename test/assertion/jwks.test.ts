import Fastify from 'fastify'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAssertions } from '../../src/assertion/assertions.js'
import { jwksRoutes } from '../../src/assertion/index.js'
import { namedSchemas } from '../../src/schemas/index.js'
import { startService, type TestService } from '../support/service.js'
import { openWatchedDatabase } from '../support/watched-database.js'
import { aPrincipal, aReplica, secret } from './world.js'

let service: TestService
beforeAll(async () => {
  service = await startService({ KEY_ENCRYPTION_SECRET: secret })
})
afterAll(() => service.close())

const ask = () =>
  service.inject({ url: '/.well-known/jwks.json', headers: { host: new URL(service.url).host } })

test('a service checks an assertion by the keys that are published, as the README of the room shows', async () => {
  const keyring = aReplica(service.db)
  await keyring.refresh()
  const assertions = createAssertions({ prefix: 'Latchkey', issuer: service.url, keyring })
  const headers = await assertions.headersFor(aPrincipal(), 'catalogue')

  const keys = createRemoteJWKSet(new URL(`${service.url}/.well-known/jwks.json`))
  const { payload } = await jwtVerify(headers['Latchkey-Assertion'] ?? '', keys, {
    issuer: service.url,
    audience: 'catalogue',
    typ: 'assertion+jwt',
    algorithms: ['ES256'],
  })

  expect(payload).toMatchObject({ sub: 'alice-id', roles: ['reader', 'group:/space/ops'] })
})

test('the keys are there for everybody, other origins too, and for five minutes', async () => {
  const { status, headers, json } = await ask()

  expect(status).toBe(200)
  expect(json.keys).toHaveLength(1)
  expect(headers).toMatchObject({
    'cache-control': 'public, max-age=300',
    'access-control-allow-origin': '*',
  })
})

test('no private part of a key is published', async () => {
  const { json, body } = await ask()

  expect(Object.keys(json.keys[0]).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
  expect(body).not.toContain('"d"')
})

test('while the keys could never be read the answer is no, which nobody remembers', async () => {
  const db = await openWatchedDatabase()
  db.isDown = true
  const keyring = aReplica(db)
  await keyring.refresh()
  const app = Fastify()
  for (const schema of namedSchemas) app.addSchema(schema)
  await app.register(jwksRoutes, { keyring })

  const answer = await app.inject({ url: '/.well-known/jwks.json' })
  await app.close()
  await db.close()

  expect([answer.statusCode, answer.json().code]).toEqual([503, 'unavailable'])
  expect(answer.headers['retry-after']).toBeDefined()
  expect(String(answer.headers['cache-control'])).not.toContain('public')
})

test('a service without an encryption secret starts, and its log says what is missing', async () => {
  const plain = await startService()

  const { json } = await plain.inject({
    url: '/.well-known/jwks.json',
    headers: { host: new URL(plain.url).host },
  })
  await plain.close()

  expect(json).toEqual({ keys: [] })
  expect(plain.log.join()).toContain('KEY_ENCRYPTION_SECRET is not set')
})
