import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Database } from '../../src/store/database.js'
import { openWatchedDatabase, type WatchedDatabase } from '../support/watched-database.js'
import { aDocument, gatewayUrl, sendJson, showDocuments, startDocumented, type Wanted } from './world.js'

const minuteMs = 60_000

let db: WatchedDatabase
let service: Awaited<ReturnType<typeof startDocumented>>
let close: (() => Promise<unknown>)[]
beforeAll(async () => {
  db = await openWatchedDatabase()
})
afterAll(() => db.close())
beforeEach(async () => {
  db.isDown = false
  await db.prisma.serviceDocument.deleteMany()
  service = await startDocumented(sendJson(aDocument()))
  close = [() => service.close()]
})
afterEach(async () => {
  for (const end of close) await end()
})

async function showAll(...wanted: Partial<Wanted>[]) {
  const services = (wanted.length === 0 ? [{}] : wanted).map((one) => ({
    id: 'catalogue',
    target: service.url,
    ...one,
  }))
  const docs = await showDocuments(db as Database, ...services)
  close.unshift(docs.close)
  return docs
}
const path = '/docs/services/catalogue.json'

describe('the drop-down of Swagger UI', () => {
  test('offers our own document first, then those of the services that have one', async () => {
    const docs = await showAll({ name: 'Catalogue' }, { id: 'silent', openapi_url: null })

    const { json } = await docs.show('/docs/services.json')

    expect(json).toEqual({
      urls: [
        { name: 'Latchkey', url: 'http://127.0.0.1:3000/docs/json' },
        { name: 'Catalogue', url: 'http://127.0.0.1:3000/docs/services/catalogue.json' },
      ],
    })
  })

  test('is not there when no service has a document', async () => {
    const docs = await showAll({ openapi_url: null })

    expect((await docs.show('/docs/services.json')).json).toEqual({})
  })

  test('tells services of the same name apart', async () => {
    const docs = await showAll(
      { name: 'Data' },
      { id: 'other', name: 'Data' },
      { id: 'third', name: 'Latchkey' },
    )

    const { json } = await docs.show('/docs/services.json')

    const names = json.urls.map(({ name }: { name: string }) => name)
    expect(names).toEqual(['Latchkey', 'Data (catalogue)', 'Data (other)', 'third'])
  })

  test('follows the services: one that was added is there, one that was removed is not', async () => {
    const docs = await showAll()
    docs.setServices({ id: 'new', target: service.url })

    const { body } = await docs.show('/docs/services.json')

    expect(body).toContain('/docs/services/new.json')
    expect(body).not.toContain('catalogue')
    expect((await docs.show(path)).status).toBe(404)
  })
})

test('a document is shown with the locks of this service, at the gateway', async () => {
  const docs = await showAll()

  const { status, headers, json } = await docs.show(path)

  expect([status, headers['cache-control']]).toEqual([200, 'no-cache'])
  expect(json.info).toEqual({ title: 'A catalogue', version: '1' })
  expect(json.servers).toEqual([{ url: `${gatewayUrl}/catalogue` }])
  expect(json.paths['/items'].get.security).toEqual([{ oauth2: [] }, { apiKey: [] }])
  expect(json.components.securitySchemes.apiKey).toMatchObject({ in: 'header', name: 'X-API-Key' })
  expect(json.components.securitySchemes.oauth2.flows.authorizationCode.tokenUrl).toMatch(/^https:\/\/sso\./)
  expect(json.components.securitySchemes).not.toHaveProperty('session')
})

test('a service is asked for its document without any credential', async () => {
  const docs = await showAll()

  await docs.show(path)

  const [request] = service.asked
  expect(request?.url).toBe('/openapi.json')
  expect(Object.keys(request?.headers ?? {}).join()).not.toMatch(/authorization|cookie|api-key|latchkey/)
})

test.each([
  ['a path is one below the target', '/base', '/openapi.json', '/base/openapi.json'],
  ['a slash at the end of the target is not doubled', '/base/', '/openapi.json', '/base/openapi.json'],
  ['a query is kept', '', '/openapi?f=json', '/openapi?f=json'],
])('%s', async (_, base, openapiUrl, asked) => {
  const docs = await showAll({ target: service.url + base, openapi_url: openapiUrl })

  await docs.show(path)

  expect(service.asked.map(({ url }) => url)).toEqual([asked])
})

test('a URL of its own may be anywhere', async () => {
  const docs = await showAll({ target: 'http://127.0.0.1:1', openapi_url: `${service.url}/elsewhere.json` })

  expect((await docs.show(path)).status).toBe(200)
})

test('many who look at once and again make one request a minute', async () => {
  const docs = await showAll()

  await Promise.all(Array.from({ length: 20 }, () => docs.show(path)))
  docs.world.now += minuteMs - 1
  await docs.show(path)
  const withinTheMinute = service.asked.length
  docs.world.now += 1
  await docs.show(path)

  expect([withinTheMinute, service.asked.length]).toEqual([1, 2])
})

test('a document that changes is shown as it is within a minute, and so is a descriptor at once', async () => {
  const docs = await showAll()
  await docs.show(path)
  service.answer = sendJson(aDocument({ info: { title: 'New', version: '2' } }))

  docs.setServices({ id: 'catalogue', target: service.url, prefix: '/moved' })
  const moved = await docs.show(path)
  docs.world.now += minuteMs
  const changed = await docs.show(path)

  expect([moved.json.servers[0].url, moved.json.info.title]).toEqual([`${gatewayUrl}/moved`, 'A catalogue'])
  expect(changed.json.info.title).toBe('New')
})

describe('a document that cannot be had any more', () => {
  test('is shown as it last was, with the time of it and the reason', async () => {
    const docs = await showAll()
    await docs.show(path)
    service.answer = (_request, response) => void response.writeHead(503).end()

    docs.world.now += minuteMs
    const { status, json } = await docs.show(path)

    expect(status).toBe(200)
    expect(json.info.description).toContain('2026-11-21T12:00:00.000Z')
    expect(json.info.description).toContain('answered with status 503')
    expect(json.paths).toHaveProperty('/items')
  })

  test('survives a restart', async () => {
    await (await showAll()).show(path)
    service.answer = (request) => void request.socket.destroy()

    const restarted = await showAll()
    const { status, json } = await restarted.show(path)

    expect(status).toBe(200)
    expect(json.info.description).toContain('2026-11-21T12:00:00.000Z')
    expect(json.info.description).toContain('cannot be reached')
  })

  test('is the current one again as soon as the service is back', async () => {
    const docs = await showAll()
    service.answer = (request) => void request.socket.destroy()
    const before = await docs.show(path)
    service.answer = sendJson(aDocument())

    docs.world.now += minuteMs
    const { status, json } = await docs.show(path)

    expect([before.status, status]).toEqual([502, 200])
    expect(json.info).not.toHaveProperty('description')
  })

  test('of another place is not taken for the service’s own', async () => {
    await (await showAll()).show(path)

    const moved = await showAll({ openapi_url: 'http://127.0.0.1:1/openapi.json' })

    expect((await moved.show(path)).status).toBe(502)
  })

  test('is told once in the log, and not each minute anew', async () => {
    service.answer = (_request, response) => void response.writeHead(500).end()
    const docs = await showAll()

    for (let minutes = 0; minutes < 3; minutes++) {
      await docs.show(path)
      docs.world.now += minuteMs
    }

    expect(docs.log.filter((line) => line.includes('cannot be had'))).toHaveLength(1)
  })
})

test('with the database away documents are shown all the same', async () => {
  const docs = await showAll()
  db.isDown = true

  const { status } = await docs.show(path)

  expect(status).toBe(200)
  expect(docs.log.join()).toContain('could not be kept')
})

test.each(['/docs/services/unknown.json', '/docs/services/catalogue', '/docs/services/catalogue.yaml'])(
  '%s is not there',
  async (url) => {
    const docs = await showAll()

    const { status, json } = await docs.show(url)

    expect([status, json.code]).toEqual([404, 'not_found'])
    expect(service.asked).toEqual([])
  },
)

test('a service without a document has none here, and is asked for none', async () => {
  const docs = await showAll({ openapi_url: null })

  expect((await docs.show(path)).status).toBe(404)
  expect(service.asked).toEqual([])
})

test('while nobody can tell which services there are the answer is not "none"', async () => {
  const docs = await showAll()
  docs.world.isUnknown = true

  expect((await docs.show(path)).status).toBe(503)
})

describe('never shown is what', () => {
  const shown = async () => {
    const docs = await showAll()
    const answer = await docs.show(path)
    expect([answer.status, answer.json.code]).toEqual([502, 'bad_gateway'])
    return answer.json.detail as string
  }
  const nest = (depth: number): unknown => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`)

  test.each([
    ['is no object', [], 'is no JSON object'],
    ['is nothing', null, 'is no JSON object'],
    ['is of OpenAPI 2', { swagger: '2.0', info: { title: 'Old' }, paths: {} }, 'OpenAPI 3.0 or 3.1'],
    ['has no title', aDocument({ info: {} }), 'has no title'],
    ['has paths that are a list', aDocument({ paths: [] }), 'paths'],
    ['has a path without a slash', aDocument({ paths: { items: {} } }), 'slash'],
    ['has an operation that is a text', aDocument({ paths: { '/': { get: 'x' } } }), 'operation'],
    ['is nested too deep', aDocument({ 'x-deep': nest(101) }), 'nested deeper'],
    [
      'has too many operations',
      aDocument({
        paths: Object.fromEntries(Array.from({ length: 2001 }, (_, at) => [`/${at}`, { get: {} }])),
      }),
      'more than 2000 operations',
    ],
  ])('%s', async (_, document, reason) => {
    service.answer = sendJson(document)

    expect(await shown()).toContain(reason)
  })

  test('is not JSON, of which nothing is repeated', async () => {
    service.answer = (_request, response) => void response.end('<b>openapi: 3.0.0</b>')

    const detail = await shown()
    expect(detail).toContain('is not JSON')
    expect(detail).not.toContain('<b>')
  })

  test('is too large, however small it says it is', async () => {
    service.answer = (_request, response) => {
      const text = JSON.stringify(aDocument({ 'x-large': 'x'.repeat(200_000) }))
      response.writeHead(200, { 'transfer-encoding': 'chunked' }).end(text)
    }

    expect(await shown()).toContain('more than 100000 bytes')
  })

  test('does not end', async () => {
    service.answer = (_request, response) => {
      response.writeHead(200).write('{')
    }

    expect(await shown()).toContain('within 0.3 s')
  })

  test('is at another site than the one that was asked', async () => {
    const other = await startDocumented(sendJson(aDocument()))
    close.unshift(other.close)
    service.answer = (_request, response) =>
      void response.writeHead(302, { location: `${other.url}/openapi.json` }).end()

    expect(await shown()).toContain('another site')
    expect(other.asked).toEqual([])
  })

  test('redirects in a circle', async () => {
    service.answer = (_request, response) => void response.writeHead(302, { location: '/openapi.json' }).end()

    expect(await shown()).toContain('too often')
    expect(service.asked).toHaveLength(4)
  })
})

test('a redirect within the site is followed', async () => {
  service.answer = (request, response) =>
    request.url === '/openapi.json'
      ? void response.writeHead(307, { location: '/api/openapi.json' }).end()
      : sendJson(aDocument())(request, response)
  const docs = await showAll()

  expect((await docs.show(path)).status).toBe(200)
})
