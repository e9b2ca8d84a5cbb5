import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isIpRange } from '../../src/addresses.js'
import { problemKinds } from '../../src/problems/catalogue.js'
import { namedSchemas } from '../../src/schemas/index.js'
import { startService, type TestService } from '../support/service.js'

interface Operation {
  method: string
  path: string
  operationId: string
  summary: string
  description: string
  tags: string[]
  security: Record<string, string[]>[]
  requestBody?: { required: boolean; content: Record<string, { schema: Record<string, unknown> }> }
  responses: Record<
    string,
    { description: string; content?: Record<string, { schema: Record<string, unknown> }> }
  >
}

let service: TestService
// biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects and fails where it is not there.
let document: any
let operations: Operation[]
beforeAll(async () => {
  service = await startService()
  const headers = { host: new URL(service.url).host }
  document = (await service.inject({ url: '/docs/json', headers })).json
  operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item as object).map(([method, operation]) => ({ method, path, ...operation })),
  )
})
afterAll(() => service.close())

const find = (title: string) => {
  const operation = operations.find(({ summary }) => summary === title)
  if (operation === undefined) throw new Error(`No operation is called ${title}`)
  return operation
}
const ofManager = () => operations.filter(({ tags }) => tags.includes('API-Key Manager'))

test('the document is valid OpenAPI 3.1 and knows where it is reached', async () => {
  const result = await new Validator().validate(structuredClone(document))

  expect(result).toMatchObject({ valid: true })
  expect(document.openapi).toMatch(/^3\.1\./)
  expect(document.servers).toEqual([{ url: service.url }])
  expect(document.info).toMatchObject({ title: 'Latchkey', version: '0.0.0-test' })
})

test('no answer has a choice of schemas, since each would be validated while it is written', () => {
  const hasChoice = (schema: unknown) => /"(anyOf|oneOf)":/.test(JSON.stringify(schema))
  // What a client sends is validated anyway.
  const isSent = (name: string) =>
    operations.some(({ requestBody }) => JSON.stringify(requestBody)?.includes(`/${name}"`))
  const components = Object.entries(document.components.schemas)
  // The example catalogue answers as STAC has it.
  const ours = operations.filter(({ path }) => !path.startsWith('/catalog/'))

  expect(ours.filter(({ responses }) => hasChoice(responses)).map(({ summary }) => summary)).toEqual([])
  expect(
    components.filter(([name, schema]) => hasChoice(schema) && !isSent(name)).map(([name]) => name),
  ).toEqual([])
  expect(JSON.stringify(document.components.schemas.KeyVerdict)).toContain('["string","null"]')
})

const locks = { login: ['oauth2', 'session'], anyone: ['apiKey', 'oauth2', 'session'] }
test.each([
  ['Create Api Key', 'post /api-keys', locks.login],
  ['List My Api Keys', 'get /api-keys', locks.login],
  ['List Scopes', 'get /scopes', locks.login],
  ['Show Api Key', 'get /api-keys/{id}', locks.anyone],
  ['Update Api Key', 'patch /api-keys/{id}', locks.login],
  ['Revoke Api Key', 'post /api-keys/{id}/revoke', locks.anyone],
  ['Renew Api Key', 'post /api-keys/{id}/renew', locks.login],
  ['Create Link', 'post /api-keys/{id}/links', locks.login],
  ['Rotate Api Key', 'post /api-keys/{id}/rotate', locks.login],
  ['Delete Api Key', 'delete /api-keys/{id}', locks.login],
  ['Show My Information', 'get /me', locks.anyone],
])('%s is %s and shows the locks that open it', (title, place, opens) => {
  const { method, path, security } = find(title)

  expect(`${method} ${path}`).toBe(place)
  expect(security.flatMap(Object.keys).sort()).toEqual(opens)
  // Each alone is enough.
  for (const one of security) expect(Object.keys(one)).toHaveLength(1)
})

test('an API key opens what the document says and nothing else of the manager', async () => {
  const { id, value } = await service.createKey('alice')

  for (const { method, path, security, summary } of ofManager()) {
    if (summary === 'Revoke Api Key') continue
    const answer = await service.inject({
      method: method.toUpperCase() as 'GET',
      url: path.replace('{id}', id),
      headers: { 'x-api-key': value },
      ...(/post|patch/.test(method) ? { payload: {} } : {}),
    })
    const takesKeys = security.some(({ apiKey }) => apiKey !== undefined)
    expect([summary, answer.status, answer.json.code]).toEqual(
      takesKeys ? [summary, 200, undefined] : [summary, 403, 'login_required'],
    )
  }
})

test('every operation has a name of its own, a text and a tag that is explained', () => {
  const ids = operations.map(({ operationId }) => operationId)
  const tags = document.tags.map(({ name }: { name: string }) => name)

  expect(ids).toEqual([...new Set(ids)])
  for (const { operationId, summary, description, tags: own } of operations) {
    expect(operationId).toMatch(/^[a-z][A-Za-z]+$/)
    expect(summary).toBeTruthy()
    expect(description).toBeTruthy()
    expect(tags).toEqual(expect.arrayContaining(own))
  }
})

test('pages, the login and the embedded identity provider are not operations', () => {
  const paths = operations.map(({ path }) => path)

  expect(paths.filter((path) => /^\/(auth|docs|dev-idp)|^\/$/.test(path))).toEqual([])
})

test('every named schema is one component, referred to and never written out', () => {
  const names = namedSchemas.map((schema) => String(Reflect.get(schema, '$id')))
  const places = JSON.stringify(document.paths, (name, value) => (name === 'example' ? undefined : value))

  expect(Object.keys(document.components.schemas).sort()).toEqual([...names].sort())
  for (const { requestBody, responses } of ofManager()) {
    const contents = [requestBody, ...Object.values(responses)].flatMap((one) =>
      Object.values(one?.content ?? {}),
    )
    for (const { schema } of contents)
      expect(schema).toEqual({ $ref: expect.stringMatching(/^#\/components\/schemas\/\w+$/) })
  }
  // Members that only a key, only a problem and only a new key have.
  for (const member of ['allowed_referers', 'requestId', 'never_expires'])
    expect(places).not.toContain(member)
})

describe('each error', () => {
  test('that an operation may answer with is a problem document', () => {
    for (const { responses, summary } of ofManager()) {
      const errors = Object.entries(responses).filter(([status]) => Number(status) >= 400)
      expect([summary, errors.length > 4]).toEqual([summary, true])
      for (const [, { description, content }] of errors) {
        expect(description).toBeTruthy()
        expect(content).toEqual({
          'application/problem+json': {
            schema: { $ref: '#/components/schemas/Problem' },
            example: expect.objectContaining({ code: expect.any(String) }),
          },
        })
      }
    }
  })

  test('that the service knows has its status in the document, but for those of the gateway', () => {
    const ofGateway = ['502', '504']
    const statuses = new Set([...operations.flatMap(({ responses }) => Object.keys(responses)), ...ofGateway])
    const missing = Object.entries(problemKinds).filter(([, { status }]) => !statuses.has(String(status)))

    expect(missing).toEqual([])
  })

  test('that comes of a bad request is one that its operation announces', async () => {
    const { id, value } = await service.createKey('alice')
    const alice = await service.as('alice')
    const administrator = await service.as('alice', {
      claims: { realm_access: { roles: ['latchkey-admin'] } },
    })
    const json = { 'content-type': 'application/json' }
    const credentials = [
      {},
      { authorization: 'Bearer x' },
      { authorization: 'broken' },
      alice,
      administrator,
      { 'x-api-key': value },
    ]
    const bodies = [
      {},
      { headers: json, payload: '{' },
      { headers: json, payload: '[]' },
      { headers: { 'content-type': 'text/plain' }, payload: 'x' },
      { headers: { 'content-type': 'application/xml' }, payload: '<x/>' },
      { headers: json, payload: JSON.stringify({ note: 'x'.repeat(70_000) }) },
      { headers: json, payload: '{"unknown":1}' },
    ]
    for (const { method, path, responses, summary } of operations) {
      for (const url of [
        path.replace('{id}', 'unknown'),
        path.replace('{id}', '-_-'),
        path.replace('{id}', id),
      ]) {
        if (method === 'delete' && url.endsWith(id)) continue
        for (const credential of credentials) {
          for (const { headers, payload } of bodies) {
            // What has no body by its meaning is asked without one.
            if (payload !== undefined && /get|delete/.test(method)) continue
            const { status, body } = await service.inject({
              method: method.toUpperCase() as 'GET',
              url: `${url}?limit=x`,
              headers: { ...headers, ...credential },
              ...(payload === undefined ? {} : { payload }),
            })
            expect([summary, Object.keys(responses).includes(String(status)), status, body]).toEqual([
              summary,
              true,
              status,
              body,
            ])
          }
        }
      }
    }
  })
})

test('every example is one that its own schema takes', () => {
  const ajv = new Ajv2020({ strict: false, formats: { 'ip-range': isIpRange, 'well-formed': true } })
  // ajv-formats is CommonJS: its types say `default` where Node hands out the function itself.
  ;(addFormats as unknown as (ajv: Ajv2020) => void)(ajv)
  ajv.addSchema(document, 'document')

  for (const [name, schema] of Object.entries<{ examples?: unknown[] }>(document.components.schemas)) {
    const validate = ajv.compile({ $ref: `document#/components/schemas/${name}` })
    for (const example of schema.examples ?? []) {
      expect([name, validate(example), validate.errors]).toEqual([name, true, null])
    }
  }
})

test('a body may be left out exactly where the document says so', async () => {
  const { id } = await service.createKey('alice')
  const headers = await service.as('alice', { claims: { realm_access: { roles: ['latchkey-admin'] } } })
  const withBody = operations.filter(({ requestBody }) => requestBody !== undefined)

  for (const { method, path, requestBody, summary } of withBody) {
    const url = path.replace('{id}', id)
    const { status } = await service.inject({ method: method.toUpperCase() as 'POST', url, headers })
    expect([summary, status === 400]).toEqual([summary, requestBody?.required])
  }
})

test('the patterns of the document are ones that clients in other languages read', () => {
  const patterns: string[] = []
  JSON.parse(JSON.stringify(document), (name, value) => {
    if (name === 'pattern') patterns.push(value)
    return value
  })

  expect(patterns.length).toBeGreaterThan(3)
  // JSON Schema 2020-12 §6.4 names what can be relied on; classes of Unicode are not in it.
  for (const pattern of patterns) expect(pattern).not.toMatch(/\\p\{|\(\?[<!]|\\u\{|\\uD[89A-F]/i)
})

test('every body has an example, and so has every answer with a key', () => {
  const { schemas } = document.components
  const bodies = operations.flatMap(({ requestBody }) => Object.values(requestBody?.content ?? {}))
  const names = bodies
    .map(({ schema }) => String(schema.$ref).split('/').at(-1) ?? '')
    .filter((name) => name !== 'undefined')

  expect(names.length).toBeGreaterThan(4)
  for (const name of [...names, 'ApiKey', 'ApiKeyWithValue', 'Me', 'Problem']) {
    expect([name, schemas[name]?.examples?.length]).toEqual([name, 1])
  }
})

test('the OAuth2 lock leads to the issuer, the key goes into X-API-Key, and the session into its cookie', () => {
  const { oauth2, apiKey, session } = document.components.securitySchemes
  const issuer = `${service.url}/dev-idp/realms/latchkey/protocol/openid-connect`

  expect(Object.keys(oauth2.flows)).toEqual(['authorizationCode'])
  expect(oauth2.flows.authorizationCode).toMatchObject({
    authorizationUrl: `${issuer}/auth`,
    tokenUrl: `${issuer}/token`,
    refreshUrl: `${issuer}/token`,
  })
  expect(apiKey).toMatchObject({ type: 'apiKey', in: 'header', name: 'X-API-Key' })
  expect(session).toMatchObject({ type: 'apiKey', in: 'cookie', name: 'latchkey_session' })
})
