import { describe, expect, test } from 'vitest'
import { decideAccess } from '../../src/auth/decide.js'
import type { Access, KeyBounds, Principal } from '../../src/auth/types.js'

const aPrincipal = (facts: Partial<Principal> = {}): Principal => ({
  subject: 'alice-id',
  login: 'alice',
  name: null,
  email: null,
  kind: 'user',
  via: 'api-key',
  roles: ['read', 'write'],
  scopes: ['read'],
  attributes: {},
  config: {},
  keyId: 'key-1',
  ...facts,
})
const aKey = (bounds: Partial<KeyBounds> = {}): KeyBounds => ({
  readOnly: false,
  allowedReferers: null,
  allowedIps: null,
  allowsAddress: null,
  expiresAt: Number.POSITIVE_INFINITY,
  authorized: null,
  limited: null,
  ...bounds,
})
const aCall = (facts: Partial<Parameters<typeof decideAccess>[3]> = {}) => ({
  service: null,
  method: 'GET',
  headers: {},
  address: '192.0.2.1',
  params: {},
  ...facts,
})
const decide = (
  access: Access,
  key: KeyBounds | undefined = aKey(),
  call = aCall(),
  principal = aPrincipal(),
) => decideAccess(principal, key, access, call)
const post = aCall({ method: 'POST' })

describe('a key without bounds may call', () => {
  test.each<[string, Access]>([
    ['what is open to any credential', {}],
    ['what is open to anyone', { by: 'anyone' }],
    ['what asks for nothing in particular', { scopes: [] }],
    ['what asks for a scope that it has', { scopes: ['read'] }],
  ])('%s', (_case, access) => {
    expect(decide(access, aKey(), post)).toBeNull()
  })

  test('what only a key itself may do, on itself', () => {
    expect(decide({ by: 'login-or-itself' }, aKey(), aCall({ params: { id: 'key-1' } }))).toBeNull()
  })
})

describe('a key may not call', () => {
  test.each<[string, Access, string]>([
    ['what is for logins', { by: 'login' }, 'login_required'],
    ['what is for logins, though it has the scope', { by: 'login', scopes: ['read'] }, 'login_required'],
    ['what asks for a scope that only its owner has', { scopes: ['write'] }, 'insufficient_scope'],
    ['what asks for one scope more than it has', { scopes: ['read', 'write'] }, 'insufficient_scope'],
  ])('%s', (_case, access, code) => {
    expect(decide(access)).toBe(code)
  })

  test.each([{}, { id: 'key-2' }])('what only a key itself may do, on anything else: %j', (params) => {
    expect(decide({ by: 'login-or-itself' }, aKey(), aCall({ params }))).toBe('login_required')
  })
})

describe('a caller who logged in', () => {
  const person = aPrincipal({ via: 'session' })

  test.each<Access>([{}, { by: 'login' }, { by: 'login-or-itself' }, { scopes: ['read'] }])(
    'may call %j',
    (access) => {
      expect(decideAccess(person, undefined, access, post)).toBeNull()
    },
  )

  test('needs the scopes as a key does', () => {
    expect(decideAccess(person, undefined, { by: 'login', scopes: ['admin'] }, post)).toBe(
      'insufficient_scope',
    )
  })
})

describe('a read-only key', () => {
  const readOnly = aKey({ readOnly: true })

  test.each(['GET', 'HEAD', 'OPTIONS'])('may %s', (method) => {
    expect(decide({}, readOnly, aCall({ method }))).toBeNull()
  })

  test.each(['POST', 'DELETE', 'PROPFIND'])('may not %s', (method) => {
    expect(decide({}, readOnly, aCall({ method }))).toBe('read_only_key')
  })

  test('may write where the route says that it only reads', () => {
    expect(decide({ readOnlyKeys: 'may-write' }, readOnly, post)).toBeNull()
  })
})

describe('a link', () => {
  const link = aKey({ readOnly: true, linkedPath: '/a/b' })
  const at = (url: string | undefined, method = 'GET', headers = {}) => aCall({ url, method, headers })

  test.each(['/a/b', '/a/b?c', '/a/b/', '/a/b/c', '/a/b//c?d', '/a/b/%2F'])('opens %s', (url) => {
    expect(decide({}, link, at(url))).toBeNull()
    expect(decide({}, link, at(url, 'HEAD'))).toBeNull()
  })

  test.each([
    '/',
    '/a',
    '/a/',
    '/a/bc',
    '/a/b%2Fc',
    '/a//b',
    '/A/B',
    '/c/a/b',
    '/c?/a/b',
    '?/a/b',
    '',
    undefined,
  ])('does not open %s', (url) => {
    expect(decide({}, link, at(url))).toBe('not_authorized_here')
  })

  test.each(['OPTIONS', 'POST', 'DELETE', 'PROPFIND', 'get'])('may not %s', (method) => {
    expect(decide({}, link, at('/a/b', method))).toBe('read_only_key')
    expect(decide({ readOnlyKeys: 'may-write' }, link, at('/a/b', method))).toBe('read_only_key')
  })

  test('opens no WebSocket, while another offer is one to answer in HTTP', () => {
    expect(decide({}, link, at('/a/b', 'GET', { upgrade: 'WebSocket' }))).toBe('read_only_key')
    expect(decide({}, link, at('/a/b', 'GET', { upgrade: 'h2c' }))).toBeNull()
  })

  test('to all opens all, and to a folder only what is in it', () => {
    expect(decide({}, aKey({ linkedPath: '/' }), at('/x'))).toBeNull()
    expect(decide({}, aKey({ linkedPath: '/a/' }), at('/a/x'))).toBeNull()
    expect(decide({}, aKey({ linkedPath: '/a/' }), at('/a'))).toBe('not_authorized_here')
  })

  test('is refused for its path before its method, and for the bounds of its key before both', () => {
    const bound = aKey({ linkedPath: '/a', allowsAddress: () => false })

    expect(decide({}, link, at('/c', 'POST'))).toBe('not_authorized_here')
    expect(decide({}, bound, at('/c', 'POST'))).toBe('address_not_allowed')
    expect(decide({ scopes: ['admin'] }, link, at('/a/b', 'POST'))).toBe('read_only_key')
    expect(decide({ scopes: ['admin'] }, link, at('/a/b'))).toBe('insufficient_scope')
  })
})

test('a key bound to hosts is refused from elsewhere and works from there', () => {
  const bound = aKey({ allowedReferers: ['portal.example'] })

  expect(decide({}, bound)).toBe('referer_not_allowed')
  expect(decide({}, bound, aCall({ headers: { origin: 'https://evil.example' } }))).toBe(
    'referer_not_allowed',
  )
  expect(decide({}, bound, aCall({ headers: { origin: 'https://portal.example' } }))).toBeNull()
})

test('a key bound to addresses is refused from elsewhere and works from there', () => {
  const bound = aKey({ allowsAddress: (address) => address === '192.0.2.1' })

  expect(decide({}, bound, aCall({ address: '192.0.2.2' }))).toBe('address_not_allowed')
  expect(decide({}, bound)).toBeNull()
})

test('of several refusals the first in the order of the contract is told', () => {
  const access: Access = { by: 'login', scopes: ['admin'] }
  const allowsAddress = () => false
  const allowedReferers = ['portal.example']

  expect(decide(access, aKey({ allowedReferers, allowsAddress, readOnly: true }), post)).toBe(
    'referer_not_allowed',
  )
  expect(decide(access, aKey({ allowsAddress, readOnly: true }), post)).toBe('address_not_allowed')
  expect(decide(access, aKey({ readOnly: true }), post)).toBe('read_only_key')
  expect(decide(access, aKey(), post)).toBe('login_required')
  expect(decide({ scopes: ['admin'] }, aKey(), post)).toBe('insufficient_scope')
})

describe('a key that is authorised on some services and groups', () => {
  const bound = aKey({ authorized: { services: ['catalog'], groups: ['science'] } })
  const of = (service: Parameters<typeof decideAccess>[3]['service']) => decide({}, bound, aCall({ service }))

  test.each([
    ['a service that it names', { id: 'catalog', group: 'other', groupLimits: null }],
    ['a service of a group that it names', { id: 'other', group: 'science', groupLimits: null }],
    ['the service that issues keys', 'own' as const],
  ])('may call %s', (_case, service) => {
    expect(of(service)).toBeNull()
  })

  test.each([
    ['any other', { id: 'science', group: 'catalog', groupLimits: null }],
    ['where nobody says what is called', null],
  ])('may not call %s', (_case, service) => {
    expect(of(service)).toBe('not_authorized_here')
  })
})

describe('what is for some kinds of callers', () => {
  const access: Access = { kinds: ['server'] }
  const server = aPrincipal({ kind: 'server' })
  const everything = { scopes: ['*'] }

  test('is open to those, by key or by login', () => {
    expect(decide(access, aKey(), aCall(), server)).toBeNull()
    expect(decideAccess(server, undefined, access, aCall())).toBeNull()
  })

  test('is closed to the others', () => {
    expect(decide(access)).toBe('not_authorized_here')
    expect(decideAccess(aPrincipal(), undefined, access, aCall())).toBe('not_authorized_here')
  })

  test('is open to who may do everything, but not to their keys', () => {
    expect(decideAccess(aPrincipal(everything), undefined, access, aCall())).toBeNull()
    expect(decide(access, aKey(), aCall(), aPrincipal(everything))).toBe('not_authorized_here')
  })
})

describe('what is for administrators', () => {
  const access: Access = { by: 'admin' }
  const call = aCall({ adminRole: 'boss' })
  const admin = { scopes: ['boss'] }

  test('is open to a login with the role', () => {
    expect(decideAccess(aPrincipal(admin), undefined, access, call)).toBeNull()
    expect(decideAccess(aPrincipal({ scopes: ['*'] }), undefined, access, call)).toBeNull()
  })

  test('is closed to a login without it, and to everybody where there is no such role', () => {
    expect(decideAccess(aPrincipal(), undefined, access, call)).toBe('insufficient_scope')
    expect(decideAccess(aPrincipal(admin), undefined, access, aCall())).toBe('insufficient_scope')
  })

  test('is open to the key of a server with the role, and closed to that of a person', () => {
    expect(decide(access, aKey(), call, aPrincipal({ ...admin, kind: 'server' }))).toBeNull()
    expect(decide(access, aKey(), call, aPrincipal({ kind: 'server' }))).toBe('insufficient_scope')
    expect(decide(access, aKey(), call, aPrincipal(admin))).toBe('login_required')
  })

  test('what is not for them asks for no role', () => {
    expect(decideAccess(aPrincipal(), undefined, { by: 'login' }, call)).toBeNull()
  })
})
