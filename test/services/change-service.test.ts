import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectProblem } from '../keys/requests.js'
import { startService, type TestService } from '../support/service.js'
import { administratorOf } from './administrator.js'

let service: TestService
beforeAll(async () => {
  service = await startService({ GATEWAY_PUBLIC_URL: 'http://localhost:65001/gateway' }, { hasGateway: true })
})
afterAll(() => service.close())

const { ask, aGroup, aService, aKeyFor, newId } = administratorOf(() => service)

describe('an administrator', () => {
  test('makes a service of what must be said, and reads what the rest means', async () => {
    const [id, group] = [newId('service'), (await aGroup()).id]
    const wanted = { id, name: 'Auxip', group, prefix: `/${id}`, target: 'http://upstream.test:8080/' }

    const made = await ask('POST', '/admin/services', wanted)

    expect(made.status).toBe(201)
    expect(made.headers.location).toBe(`services/${id}`)
    expect(made.json).toEqual({
      ...wanted,
      target: 'http://upstream.test:8080',
      strip_prefix: true,
      enabled: true,
      access: { scopes: [], write_scopes: [], kinds: ['user', 'server'] },
      accept: { query: false, cookie: true, basic: true },
      forward_authorization: 'tokens',
      preflight: 'forward',
      public_paths: [],
      safe_posts: [],
      timeout_ms: 30_000,
      max_body_bytes: null,
      openapi_url: null,
      origin: 'api',
      created_at: expect.stringMatching(/Z$/),
    })
    expect((await ask('GET', `/admin/services/${id}`)).json).toEqual(made.json)
  })

  test('changes what is named and nothing else, also within its parts', async () => {
    const made = await aService({ access: { scopes: ['read'], kinds: ['user'] }, accept: { query: true } })

    const changed = await ask('PATCH', `/admin/services/${made.id}`, {
      enabled: false,
      max_body_bytes: 10,
      access: { write_scopes: ['write'] },
      accept: { basic: false },
    })

    expect(changed.status).toBe(200)
    expect(changed.json).toEqual({
      ...made,
      enabled: false,
      max_body_bytes: 10,
      access: { scopes: ['read'], write_scopes: ['write'], kinds: ['user'] },
      accept: { query: true, cookie: true, basic: false },
    })
  })

  test('moves a service to another group and another prefix, which frees the old ones', async () => {
    const [made, group] = [await aService(), await aGroup()]

    const moved = await ask('PATCH', `/admin/services/${made.id}`, { group: group.id, prefix: '/moved/here' })

    expect(moved.json).toMatchObject({ group: group.id, prefix: '/moved/here' })
    expect((await ask('DELETE', `/admin/groups/${made.group}`)).status).toBe(204)
    expect(await aService({ prefix: made.prefix })).toMatchObject({ prefix: made.prefix })
  })

  test('deletes a service that no key names', async () => {
    const { id } = await aService()

    expect((await ask('DELETE', `/admin/services/${id}`)).status).toBe(204)
    expectProblem(await ask('DELETE', `/admin/services/${id}`), 404, 'not_found')
  })

  test('lists services newest first, those of one group apart', async () => {
    const group = (await aGroup()).id
    const ids = []
    for (let at = 0; at < 3; at++) {
      ids.unshift((await aService({ group })).id)
      await aService()
    }

    const first = (await ask('GET', `/admin/services?group=${group}&limit=2`)).json
    const second = (await ask('GET', `/admin/services?group=${group}&cursor=${first.next_cursor}`)).json

    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids)
    expect(second.next_cursor).toBeNull()
  })

  test('finds every change in the ledger', async () => {
    const { id, prefix } = await aService()
    await ask('PATCH', `/admin/services/${id}`, { enabled: false })
    await ask('PATCH', `/admin/services/${id}`, { enabled: false })
    await ask('DELETE', `/admin/services/${id}`)

    const lines = await service.db.prisma.auditEvent.findMany({
      where: { targetId: id },
      orderBy: { id: 'asc' },
    })

    expect(lines.map(({ action, details }) => [action, details])).toEqual([
      ['service.created', expect.objectContaining({ prefix, enabled: true })],
      ['service.updated', { enabled: false }],
      ['service.deleted', { name: 'A service', prefix }],
    ])
  })

  test.each(['/', "/a.b/~c/_/it's", '/..a', '/a:b@c=1,2'])('may choose the prefix %s', async (prefix) => {
    expect(await aService({ prefix })).toMatchObject({ prefix })
  })

  test.each([
    ['http://10.0.0.7', 'http://10.0.0.7'],
    ['https://Catalog.Example.org:443/api/', 'https://catalog.example.org/api'],
    ['http://[2001:db8::1]:8080/a/../b', 'http://[2001:db8::1]:8080/b'],
    ['http://upstream/\u0000\ud800 a', 'http://upstream/%00%EF%BF%BD%20a'],
    // Another path of the origin that a proxy serves us at, and another port of this machine.
    ['http://localhost:65001/catalog', 'http://localhost:65001/catalog'],
    ['http://127.0.0.1:65002', 'http://127.0.0.1:65002'],
  ])('may choose the target %s', async (target, written) => {
    expect(await aService({ target })).toMatchObject({ target: written })
  })

  test.each(['/openapi.json', 'https://docs.example.org/api.json?version=2', null])(
    'may choose the document %s',
    async (openapi_url) => {
      expect(await aService({ openapi_url })).toMatchObject({ openapi_url })
    },
  )
})

describe('a service is refused', () => {
  test.each([
    ['id', { id: 'Auxip' }],
    ['name', { name: 'x'.repeat(101) }],
    ['group', { group: 'nowhere' }],
    ['prefix', { prefix: 'auxip' }],
    ['prefix', { prefix: '' }],
    ['prefix', { prefix: '/a/' }],
    ['prefix', { prefix: '//a' }],
    ['prefix', { prefix: '/a//b' }],
    ['prefix', { prefix: '/a/../b' }],
    ['prefix', { prefix: '/.' }],
    ['prefix', { prefix: '/a%2Fb' }],
    ['prefix', { prefix: '/%61' }],
    ['prefix', { prefix: '/a?b' }],
    ['prefix', { prefix: '/a;b' }],
    ['prefix', { prefix: '/a\\b' }],
    ['prefix', { prefix: '/a b' }],
    ['prefix', { prefix: '/a\n' }],
    ['prefix', { prefix: '/é' }],
    ['target', { target: 'upstream:8080' }],
    ['target', { target: 'ftp://upstream' }],
    ['target', { target: 'http://' }],
    ['target', { target: 'http://user:secret@upstream' }],
    ['target', { target: 'http://upstream/?a=1' }],
    ['target', { target: 'http://upstream/#a' }],
    ['timeout_ms', { timeout_ms: 0 }],
    ['timeout_ms', { timeout_ms: 3_600_001 }],
    ['max_body_bytes', { max_body_bytes: -1 }],
    ['max_body_bytes', { max_body_bytes: '10' }],
    ['access.kinds', { access: { kinds: [] } }],
    ['access.kinds.0', { access: { kinds: ['robot'] } }],
    ['access.write_scopes.0', { access: { write_scopes: [''] } }],
    ['access.roles', { access: { roles: [] } }],
    ['accept.cookies', { accept: { cookies: false } }],
    ['forward_authorization', { forward_authorization: true }],
    ['preflight', { preflight: 'ignore' }],
    ['openapi_url', { openapi_url: 'openapi.json' }],
    ['openapi_url', { openapi_url: '/\u0000' }],
    ['openapi_url', { openapi_url: '/\ud800' }],
    ['name', { name: '\ud800' }],
    ['access.scopes.0', { access: { scopes: ['\u0000'] } }],
    ['openapi_url', { openapi_url: '//elsewhere/openapi.json' }],
    ['openapi_url', { openapi_url: '/\\elsewhere/openapi.json' }],
    ['openapi_url', { openapi_url: 'https://user:secret@docs.example.org' }],
    ['origin', { origin: 'file' }],
    ['targets', { targets: [] }],
  ])('with a wrong %s, which is named: %j', async (path, wrong) => {
    const [id, group] = [newId('service'), (await aGroup()).id]
    const wanted = { id, name: 'A service', group, prefix: `/${id}`, target: 'http://upstream.test' }

    const made = await ask('POST', '/admin/services', { ...wanted, ...wrong })

    expectProblem(made, 400, 'validation_failed')
    expect(made.json.errors.map((fault: { path: string }) => fault.path)).toContain(path)
    expect(made.body).not.toContain('secret')
    expect(await service.db.prisma.service.findUnique({ where: { id } })).toBeNull()
  })

  test('when its id is taken, or its prefix', async () => {
    const [one, other] = [await aService(), await aService()]
    const again = { name: 'Again', group: one.group, target: 'http://upstream.test' }

    const sameId = await ask('POST', '/admin/services', { ...again, id: one.id, prefix: '/free' })
    const samePrefix = await ask('POST', '/admin/services', { ...again, id: 'free', prefix: one.prefix })
    const moved = await ask('PATCH', `/admin/services/${other.id}`, { prefix: one.prefix })

    expectProblem(sameId, 409, 'id_taken')
    for (const answer of [samePrefix, moved]) {
      expectProblem(answer, 409, 'id_taken')
      expect(answer.json.detail).toContain(one.id)
    }
  })

  test.each(['/k', '/k/x', '/K', '/k.', '/K/x'])('when links are at its prefix: %s', async (prefix) => {
    const { id } = await aService()

    expectProblem(await ask('PATCH', `/admin/services/${id}`, { prefix }), 400, 'validation_failed')
  })

  test.each(['/Data', '/DATA', '/data.', '/data/Deep', '/data./deep'])(
    'when servers may read its prefix as that of another service: %s',
    async (twin) => {
      const { group } = await aService()
      const payload = { name: 'Twin', group, target: 'http://upstream.test' }
      const taken = twin.toLowerCase().replace('.', '')
      const one = await ask('POST', '/admin/services', { ...payload, id: newId('one'), prefix: taken })
      const other = await ask('POST', '/admin/services', { ...payload, id: newId('other'), prefix: twin })
      const third = await aService()
      const moved = await ask('PATCH', `/admin/services/${third.id}`, { prefix: twin })
      const same = await ask('PATCH', `/admin/services/${one.json.id}`, { prefix: twin })
      await ask('DELETE', `/admin/services/${one.json.id}`)

      expect(one.status).toBe(201)
      for (const answer of [other, moved]) {
        expectProblem(answer, 409, 'in_use')
        expect(answer.json.detail).toContain(one.json.id)
      }
      expect(same.status).toBe(200)
    },
  )

  test.each(
    [
      '/*',
      '*',
      '',
      'docs',
      '/docs/../admin',
      '/..',
      '/a/.',
      '/%64ocs',
      '/docs;x',
      '/docs?x',
      '/*/docs',
      '/doc*',
    ]
      .concat(['//docs', '/docs//x', '/a\\b', '/docs.', '/docs ', '/d..s', `/${'a'.repeat(200)}`])
      .flatMap((rule) => [
        ['public_paths', rule],
        ['safe_posts', rule],
      ]),
  )('with a rule in %s that is no path below a prefix: %j', async (member, rule) => {
    const { id } = await aService()

    const answer = await ask('PATCH', `/admin/services/${id}`, { [member as string]: ['/fine', rule] })

    expectProblem(answer, 400, 'validation_failed')
    expect((await ask('GET', `/admin/services/${id}`)).json[member as string]).toEqual([])
  })

  test('moving it to a group that is not there', async () => {
    const { id } = await aService()

    const answer = await ask('PATCH', `/admin/services/${id}`, { group: 'nowhere' })

    expectProblem(answer, 400, 'validation_failed')
    expect(answer.json.errors).toEqual([{ path: 'group', message: 'is no service group' }])
  })

  test.each([{}, { id: 'other' }, { access: {} }, { accept: null }, { target: 'http://u:p@x' }])(
    'a change that says %j',
    async (changes) => {
      const made = await aService()

      expectProblem(await ask('PATCH', `/admin/services/${made.id}`, changes), 400, 'validation_failed')
      expect((await ask('GET', `/admin/services/${made.id}`)).json).toEqual(made)
    },
  )

  test('deleting it while a key names it', async () => {
    const { id } = await aService()
    await aKeyFor({ services: [id] })

    expectProblem(await ask('DELETE', `/admin/services/${id}`), 409, 'in_use')
  })

  test('both of two that ask for one prefix at once, but for one', async () => {
    const group = (await aGroup()).id
    const wanted = { name: 'One of many', group, target: 'http://upstream.test' }

    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        ask('POST', '/admin/services', { ...wanted, id: newId('service'), prefix: '/wanted-by-many' }),
      ),
    )

    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409, 409, 409])
  })
})
