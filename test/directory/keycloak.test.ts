import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type ReportRole, readFacts } from '../../src/auth/claims.js'
import { createIssuer } from '../../src/auth/issuer.js'
import { createKeycloakDirectory, deriveAdminUrl } from '../../src/directory/keycloak.js'
import { type DirectorySource, NotAllowed } from '../../src/directory/source.js'

// What a well Keycloak says is tested with the real one; here it is unwell, huge or odd.
type Handler = (
  path: string,
  request: IncomingMessage,
) => { status: number; body: unknown; location?: string } | 'silence'
let server: Server
let origin: string
let handle: Handler
let tokens: number
let asked: string[]
beforeAll(async () => {
  server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // Listening on TCP.
})
beforeEach(() => {
  tokens = 0
  asked = []
  handle = nobody
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

/** A realm that answers, and has nobody of that subject. */
const nobody: Handler = (path) =>
  path.endsWith('/users/count')
    ? { status: 200, body: 3 }
    : { status: 404, body: { error: 'User not found' } }

function answer(request: IncomingMessage, response: ServerResponse) {
  const path = request.url ?? ''
  const send = (status: number, body: unknown, location?: string) => {
    const headers = { 'content-type': 'application/json', ...(location === undefined ? {} : { location }) }
    response.writeHead(status, headers).end(JSON.stringify(body))
  }
  const issuer = `${origin}/realms/r`
  if (path.endsWith('/.well-known/openid-configuration')) {
    return send(200, { issuer, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/certs` })
  }
  if (path === '/realms/r/token') {
    tokens += 1
    return send(200, { access_token: `token-${tokens}`, token_type: 'Bearer', expires_in: 60 })
  }
  asked.push(path)
  const said = handle(path, request)
  if (said !== 'silence') send(said.status, said.body, said.location)
}

function aDirectory(attributes: string[] = [], reportRole: ReportRole = () => {}): DirectorySource {
  const issuer = createIssuer({ issuer: `${origin}/realms/r`, clientId: 'latchkey', clientSecret: 'secret' })
  return createKeycloakDirectory({
    issuer,
    adminUrl: `${origin}/admin/realms/r`,
    clientId: 'latchkey',
    attributes,
    reportRole,
  })
}

/** A Keycloak with one person, as far as it is not said otherwise. */
const withOnePerson =
  (user: object, claims: unknown = { sub: 'id-1', preferred_username: 'carol' }): Handler =>
  (path) => {
    if (path.includes('/evaluate-scopes/')) return { status: claims === null ? 404 : 200, body: claims ?? {} }
    if (path.includes('/clients?')) return { status: 200, body: [{ id: 'uuid-1' }] }
    return { status: 200, body: user }
  }

test('the admin API is that of the realm of the issuer', () => {
  expect(deriveAdminUrl('https://sso.example.org/realms/platform')).toBe(
    'https://sso.example.org/admin/realms/platform',
  )
  expect(deriveAdminUrl('https://example.org/auth/realms/a%20b/')).toBe(
    'https://example.org/auth/admin/realms/a%20b',
  )
  expect(deriveAdminUrl('https://login.example.org/')).toBe(undefined)
})

test('everyone who is disabled is listed, however many pages they fill', async () => {
  const everyone = Array.from({ length: 2345 }, (_, at) => ({ id: `id-${at}` }))
  handle = (path) => {
    const query = new URL(path, origin).searchParams
    const first = Number(query.get('first'))
    return { status: 200, body: everyone.slice(first, first + Number(query.get('max'))) }
  }

  expect((await aDirectory().listDisabled()).size).toBe(2345)
  expect(asked.every((path) => path.startsWith('/admin/realms/r/users?enabled=false'))).toBe(true)
})

test('one token serves many questions, and a refused one is replaced once', async () => {
  const directory = aDirectory()
  await directory.find('id-1')
  await directory.find('id-2')
  expect(tokens).toBe(1)

  handle = (path, request) =>
    request.headers.authorization === 'Bearer token-1' ? { status: 401, body: {} } : nobody(path, request)

  expect(await directory.find('id-3')).toBe(null)
  expect(tokens).toBe(2)
})

test('a token that is refused again is an outage, not a loop', async () => {
  handle = () => ({ status: 401, body: {} })

  await expect(aDirectory().find('id-1')).rejects.toThrow('answered 401')
  expect(tokens).toBe(2)
})

test('roles that lack are named', async () => {
  handle = () => ({ status: 403, body: { error: 'HTTP 403 Forbidden' } })

  await expect(aDirectory().listDisabled()).rejects.toThrow(NotAllowed)
  await expect(aDirectory().listDisabled()).rejects.toThrow('view-users, query-users and view-clients')
})

test('a service account that cannot see its own client is one that lacks a role', async () => {
  handle = (path) => ({ status: 200, body: path.includes('/clients?') ? [] : { id: 'id-1', enabled: true } })

  await expect(aDirectory().find('id-1')).rejects.toThrow(NotAllowed)
})

test.each([500, 502, 503, 429])('an answer of %i tells nothing of anybody', async (status) => {
  handle = () => ({ status, body: {} })

  await expect(aDirectory().find('id-1')).rejects.toThrow(`answered ${status}`)
  await expect(aDirectory().listDisabled()).rejects.not.toThrow(NotAllowed)
})

test.each([{}, 'text', null, [{ name: 'without an id' }]])('a list that is %j is an outage', async (body) => {
  handle = () => ({ status: 200, body })

  await expect(aDirectory().listDisabled()).rejects.toThrow()
})

test('a redirect is not followed with the token', async () => {
  const elsewhere: string[] = []
  const other = createServer((request, response) => {
    elsewhere.push(String(request.headers.authorization))
    response.end('{}')
  })
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  // Listening on TCP.
  const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`
  handle = () => ({ status: 307, body: {}, location })

  await expect(aDirectory().find('id-1')).rejects.toThrow()

  expect(elsewhere).toEqual([])
  other.close()
})

test('silence ends in an error after three seconds', { timeout: 15_000 }, async () => {
  handle = () => 'silence'

  await expect(aDirectory().find('id-1')).rejects.toThrow()
})

test('a question that is aborted ends at once, and is followed by no other', async () => {
  handle = () => 'silence'
  const directory = aDirectory()
  const closing = new AbortController()
  const questions = [directory.listDisabled(closing.signal), directory.find('id-1', closing.signal)]
  await expect.poll(() => asked).toHaveLength(2)

  closing.abort()

  for (const question of questions) await expect(question).rejects.toThrow('aborted')
  await expect(directory.find('id-1', closing.signal)).rejects.toThrow('aborted')
  expect(asked).toHaveLength(2)
})

test('a proxy that says 404 to everything deletes nobody', async () => {
  handle = () => ({ status: 404, body: {} })

  await expect(aDirectory().find('id-1')).rejects.toThrow('is DIRECTORY_URL right?')
  await expect(aDirectory().listDisabled()).rejects.toThrow('is DIRECTORY_URL right?')
})

test('someone who is disabled needs no rights', async () => {
  handle = withOnePerson({ id: 'id-1', enabled: false })

  expect(await aDirectory().find('id-1')).toEqual({ enabled: false })
  expect(asked).toEqual(['/admin/realms/r/users/id-1'])
})

test('an answer that does not say "enabled" is not a yes', async () => {
  handle = withOnePerson({ id: 'id-1' })

  expect(await aDirectory().find('id-1')).toEqual({ enabled: false })
})

test('a subject is one segment of the path, whatever is in it', async () => {
  await aDirectory().find('../clients?x=')

  expect(asked[0]).toBe('/admin/realms/r/users/..%2Fclients%3Fx%3D')
})

test('attributes with one value are that value, and claims stand over them', async () => {
  handle = withOnePerson(
    { id: 'id-1', enabled: true, attributes: { one: ['a'], many: ['a', 'b'], both: ['old'], other: ['x'] } },
    { sub: 'id-1', preferred_username: 'carol', both: 'from the claim', realm_access: { roles: ['r'] } },
  )

  expect(await aDirectory(['one', 'many', 'both', 'absent']).find('id-1')).toEqual({
    enabled: true,
    login: 'carol',
    name: null,
    email: null,
    rights: ['r'],
    attributes: { one: 'a', many: ['a', 'b'], both: 'from the claim' },
  })
})

test('no role of a person is every right, however it is called', async () => {
  handle = withOnePerson({ id: 'id-1', enabled: true }, { sub: 'id-1', realm_access: { roles: ['*', 'r'] } })

  expect(await aDirectory().find('id-1')).toMatchObject({ rights: ['r'] })
})

test('a person has the same rights by a token as by the directory, and both report what they leave out', async () => {
  const claims = {
    realm_access: { roles: ['group:/boss', '*', 'reader'] },
    resource_access: { group: { roles: ['/boss'] }, catalog: { roles: ['read'] } },
    groups: ['/ops'],
  }
  handle = withOnePerson({ id: 'id-1', enabled: true }, { sub: 'id-1', ...claims })
  const [byDirectory, byToken]: [string[], string[]] = [[], []]

  const person = await aDirectory([], (role) => byDirectory.push(role)).find('id-1')
  const { rights } = readFacts({ sub: 'id-1', ...claims }, [], (role) => byToken.push(role))

  expect(person).toMatchObject({ rights })
  expect(rights).toEqual(['catalog:read', 'group:/ops', 'reader'])
  expect(byDirectory).toEqual(['group:/boss', '*', 'group:/boss'])
  expect(byToken).toEqual(byDirectory)
})

test('a client that was made again is found again; its person is not taken for deleted', async () => {
  const directory = aDirectory()
  handle = withOnePerson({ id: 'id-1', enabled: true })
  await directory.find('id-1')
  handle = withOnePerson({ id: 'id-1', enabled: true }, null)
  await expect(directory.find('id-1')).rejects.toThrow('no rights of a person whom it has')
  asked = []

  handle = withOnePerson({ id: 'id-1', enabled: true })

  expect(await directory.find('id-1')).toMatchObject({ login: 'carol' })
  expect(asked.filter((path) => path.includes('/clients?'))).toHaveLength(1)
})
