import { describe, expect, test } from 'vitest'
import { checkDocument } from '../../src/service-documents/check-document.js'
import { type RewriteOptions, rewriteDocument } from '../../src/service-documents/rewrite-document.js'
import { aDocument } from './world.js'

const locks = { oauth2: { type: 'oauth2' }, apiKey: { type: 'apiKey' } }
// biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects and fails where it is not there.
const rewrite = (members: Record<string, unknown>, service: Partial<RewriteOptions['service']> = {}): any =>
  rewriteDocument(checkDocument(aDocument(members)), {
    service: { name: 'Data', prefix: '/data', target: 'http://data:8080', strip_prefix: true, ...service },
    gatewayUrl: 'https://gate.example.org',
    locks,
    stale: null,
  })

describe('the paths of a document are below the prefix', () => {
  test.each([
    ['without servers', undefined, {}, '/data'],
    ['with a list of none', [], {}, '/data'],
    ['of the root', [{ url: '/' }], {}, '/data'],
    ['of a path', [{ url: '/api/v1' }], {}, '/data/api/v1'],
    ['of a path with a slash at its end', [{ url: '/api/v1/' }], {}, '/data/api/v1'],
    ['of a whole URL', [{ url: 'http://data:8080/api/v1' }], {}, '/data/api/v1'],
    ['of a path without a slash', [{ url: 'api' }], {}, '/data/api'],
    ['that knows the prefix', [{ url: '/data' }], {}, '/data'],
    ['that knows the gateway', [{ url: 'https://gate.example.org/data/v1' }], {}, '/data/v1'],
    ['that only begins as the prefix does', [{ url: '/database' }], {}, '/data/database'],
    [
      'of the path that the target has',
      [{ url: '/base/v1' }],
      { target: 'http://data:8080/base/' },
      '/data/v1',
    ],
    [
      'of a path that the target does not lead to',
      [{ url: '/v1' }],
      { target: 'http://data:8080/base' },
      '/data',
    ],
    [
      'with variables, as they are by default',
      [
        {
          url: 'https://{host}/{version}',
          variables: { host: { default: 'x' }, version: { default: 'v2' } },
        },
      ],
      {},
      '/data/v2',
    ],
    ['with variables that have none', [{ url: '/{version}' }], {}, '/data'],
    ['whose prefix stays', [{ url: '/data/v1' }], { strip_prefix: false }, '/data/v1'],
    ['whose prefix stays, of the root', [{ url: '/' }], { strip_prefix: false }, '/data'],
    ['whose prefix is the root', [{ url: '/api' }], { prefix: '/' }, '/api'],
    ['whose servers are nonsense', [{ url: 'http://[' }, 7], {}, '/data'],
    ['of another scheme', [{ url: 'javascript:alert(1)' }], {}, '/data'],
  ])('%s', (_, servers, service, path) => {
    expect(rewrite({ servers }, service).servers).toEqual([{ url: `https://gate.example.org${path}` }])
  })
})

test('servers and locks of paths and operations are not the service’s to choose', () => {
  const own = [{ url: 'https://evil.example.org' }]
  const document = rewrite({
    security: [{ theirs: [] }],
    components: { securitySchemes: { theirs: { type: 'openIdConnect' } }, schemas: { Item: {} } },
    paths: {
      '/a': { servers: own, get: { servers: own, security: [] }, post: { security: [{ theirs: [] }] } },
    },
  })

  expect(JSON.stringify(document)).not.toMatch(/evil|theirs/)
  expect(document.components).toEqual({ schemas: { Item: {} }, securitySchemes: locks })
  for (const method of ['get', 'post']) {
    expect(document.paths['/a'][method].security).toEqual([{ oauth2: [] }, { apiKey: [] }])
  }
})

test('servers and locks behind a reference are not the service’s to choose either', () => {
  const own = [{ url: 'https://evil.example.org' }]
  const operation = { summary: 'Shown', servers: own, security: [], responses: {} }
  const document = rewrite({
    components: {
      pathItems: {
        item: { servers: own, get: operation, post: { $ref: '#/x-operation' }, put: 'none' },
        again: { $ref: '#/components/pathItems/item' },
      },
    },
    'x-operation': operation,
    paths: {
      '/item': { $ref: '#/components/pathItems/item' },
      '/twice': { $ref: '#/components/pathItems/item' },
      '/again': { $ref: '#/components/pathItems/again' },
      '/operation': { get: { $ref: '#/x-operation' } },
      '/elsewhere': { $ref: '#/paths/~1item' },
    },
  })

  const security = [{ oauth2: [] }, { apiKey: [] }]
  expect(JSON.stringify(document.paths)).not.toMatch(/evil|\$ref/)
  expect(document.paths['/item']).toEqual({
    get: { summary: 'Shown', responses: {}, security },
    post: { security },
    put: { security },
  })
  expect(document.paths['/operation']).toEqual({ get: { security } })
  for (const path of ['/twice', '/again', '/elsewhere']) expect(document.paths[path]).toEqual({})
})

test('a path that leads out of the prefix is not shown', () => {
  const { paths } = rewrite({
    paths: Object.fromEntries(
      [
        '/../other',
        '/a/..',
        '/%2E%2e/other',
        '/a\\..\\..\\other',
        '/./a',
        '/..?a',
        '/a..b',
        '/...',
        '/.well-known',
      ].map((path) => [path, { get: {} }]),
    ),
  })

  expect(Object.keys(paths)).toEqual(['/a..b', '/...', '/.well-known'])
})

describe('a reference to another document', () => {
  const foreign = 'https://schemas.example.org/ogc.yaml#/components'

  test('is its address as a text, and nobody is made to fetch it', () => {
    const document = rewrite({
      components: { schemas: { Item: { properties: { geometry: { $ref: 'http://169.254.169.254/x' } } } } },
      paths: {
        '/a': { get: { responses: { 200: { $ref: `${foreign}/responses/Items` } } } },
        '/b': { $ref: 'b.json' },
      },
    })

    expect(JSON.stringify(document)).not.toContain('"$ref"')
    expect(document.paths['/a'].get.responses[200]).toEqual({
      description: `Described at ${foreign}/responses/Items, which is not read here.`,
    })
  })

  test('leaves a parameter its name and place, so that it can be tried', () => {
    const { paths, components } = rewrite({
      paths: {
        '/c/{collectionId}': {
          get: {
            parameters: [
              { $ref: `${foreign}/parameters/collectionId` },
              { $ref: '#/components/parameters/limit' },
            ],
          },
        },
      },
      components: { parameters: { limit: { $ref: `${foreign}/parameters/limit` } } },
    })

    expect(paths['/c/{collectionId}'].get.parameters).toEqual([
      expect.objectContaining({ name: 'collectionId', in: 'path', required: true, schema: {} }),
      { $ref: '#/components/parameters/limit' },
    ])
    expect(components.parameters.limit).toMatchObject({ name: 'limit', in: 'query', required: false })
  })

  test('within the document stays what it is', () => {
    const { paths } = rewrite({ paths: { '/a': { get: { x: { $ref: '#/components/schemas/Item' } } } } })

    expect(paths['/a'].get.x).toEqual({ $ref: '#/components/schemas/Item' })
  })
})

test('members that carry the names of JavaScript change nothing but themselves', () => {
  const hostile = JSON.parse(
    JSON.stringify(aDocument()).replace(
      '"paths"',
      '"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"paths"',
    ),
  )

  rewriteDocument(checkDocument(hostile), {
    service: { name: 'Data', prefix: '/data', target: 'http://data:8080', strip_prefix: true },
    gatewayUrl: 'https://gate.example.org',
    locks,
    stale: null,
  })

  expect({}).not.toHaveProperty('polluted')
})
