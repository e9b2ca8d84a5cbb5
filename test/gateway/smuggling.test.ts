import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { openConnection, requestRaw, sendBytes } from '../support/raw-http.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'

let open: Upstream
let secret: Upstream
let service: TestService
let key: CreatedKey
let readOnly: CreatedKey
const port = () => Number(new URL(service.gatewayUrl).port)

// Two services of one host, one of which asks for a right that the key lacks: what gets past must be seen there.
beforeAll(async () => {
  open = await startUpstream()
  secret = await startUpstream()
  service = await startService({}, { hasGateway: true })
  key = await service.createKey('alice')
  readOnly = await service.createKey('alice', { read_only: true })
  const access = { scopes: ['nobody-has-it'] }
  await setServices(
    service,
    { id: 'open', target: open.url },
    { id: 'secret', target: secret.url, access },
    { id: 'inner', prefix: '/open/inner', target: secret.url, access },
  )
})
afterEach(() => {
  open.seen.length = 0
  secret.seen.length = 0
})
afterAll(async () => {
  await Promise.all([service.close(), open.close(), secret.close()])
})

const get = (target: string, lines: string[] = []) =>
  requestRaw(port(), [`GET ${target} HTTP/1.1`, `X-API-Key: ${key.value}`, ...lines])

describe('no form of a path leads around the check of a service', () => {
  test.each([
    '/secret/a',
    '/open/../secret/a',
    '/open/%2e%2e/secret/a',
    '/open/%2E./secret/a',
    '/open/./../secret/a',
    '/%73ecret/a',
    '/open/inner',
    '/open/x/../inner/a',
    '/open/%69nner/a',
    'http://other.example/secret/a',
    'http://other.example/open/../secret/a',
  ])('%s is the service that asks for more', async (path) => {
    expect((await get(path)).status).toBe(403)
    expect([...open.seen, ...secret.seen]).toEqual([])
  })

  test.each([
    ['/open/..%2fsecret', 400],
    ['/open/..%5csecret', 400],
    ['/open/..;/secret', 400],
    ['/open/%2e%2e;x/secret', 400],
    ['/open\\..\\secret', 400],
    ['/open/%', 400],
    ['/open/%zz', 400],
    ['*', 400],
    ['ftp://a/open', 400],
    ['//open/a', 404],
    ['/open%2f..%2fsecret', 404],
    ['/open/a%00', 400],
    ['/open%2Fa', 404],
    ['/open;/a', 404],
  ])('%s is refused with %i', async (path, status) => {
    expect((await get(path)).status).toBe(status)
    expect([...open.seen, ...secret.seen]).toEqual([])
  })

  test.each([
    ['/open//a//b', '//a//b'],
    ['/open/a%2Fb', '/a%2Fb'],
    ['/open/a%2fb', '/a%2Fb'],
    ['/open/a;v=1/b', '/a;v=1/b'],
    ['/open/inner2', '/inner2'],
    ['/open/%C3%A9?q=%2e%2e/..', '/%C3%A9?q=%2e%2e/..'],
    ['http://other.example/open/a?b', '/a?b'],
  ])('%s reaches the service as %s', async (path, forwarded) => {
    expect((await get(path)).status).toBe(200)
    expect(open.seen.map(({ url }) => url)).toEqual([forwarded])
    expect(secret.seen).toEqual([])
  })

  test('the host of an absolute target is what the service is told, and not where the call goes', async () => {
    await get('http://other.example/open')

    expect(open.seen[0]?.headers['x-forwarded-host']).toBe('other.example')
    expect(open.seen[0]?.headers.host).toBe(new URL(open.url).host)
  })
})

describe('a request has one end', () => {
  const smuggled = 'GET /secret/smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
  const head = (lines: string[]) =>
    ['POST /open HTTP/1.1', 'Host: a', `X-API-Key: ${key.value}`, ...lines, '', ''].join('\r\n')

  test.each([
    ['a length and chunks', ['Content-Length: 4', 'Transfer-Encoding: chunked']],
    ['chunks and a length', ['Transfer-Encoding: chunked', 'Content-Length: 4']],
    ['two lengths', ['Content-Length: 0', 'Content-Length: 44']],
    ['a length of signs', ['Content-Length: +4']],
    ['two codings', ['Transfer-Encoding: chunked, identity']],
    ['an unknown coding', ['Transfer-Encoding: xchunked']],
    ['a coding behind a space', ['Transfer-Encoding : chunked']],
    ['a folded line', ['X-A: b', ' Transfer-Encoding: chunked']],
    ['a bare line feed', ['X-A: b\nTransfer-Encoding: chunked']],
    ['two hosts', ['Content-Length: 0', 'Host: b']],
  ])('%s are refused', async (_what, lines) => {
    const answer = await sendBytes(port(), `${head(lines)}0\r\n\r\n${smuggled}`)

    expect(answer.status).toBe(400)
    expect([...open.seen, ...secret.seen].map(({ url }) => url)).not.toContain('/smuggled')
    expect(open.seen).toEqual([])
  })

  test.each([
    ['a chunk of a wrong size', '3\r\nabcd\r\n0\r\n\r\n'],
    ['a size that is none', 'g\r\nabcd\r\n0\r\n\r\n'],
    ['a size too large', 'fffffffffffffffff\r\nabcd\r\n0\r\n\r\n'],
  ])('%s ends the call, and nothing behind it is read as another', async (_what, body) => {
    const connection = await openConnection(port())
    connection.socket.write(head(['Transfer-Encoding: chunked']) + body + smuggled)
    await connection.closed

    expect(connection.received()).not.toContain('HTTP/1.1 200')
    expect([...open.seen, ...secret.seen]).toEqual([])
  })

  test('a length named in Connection is still the length', async () => {
    const connection = await openConnection(port())
    connection.socket.write(
      `${head(['Content-Length: 4', 'Connection: close, content-length'])}body${smuggled}`,
    )
    await connection.closed

    expect(open.seen.map(({ body }) => body)).toEqual(['body'])
    expect(secret.seen).toEqual([])
  })

  test('two requests on one connection are checked one by one', async () => {
    const connection = await openConnection(port())
    connection.socket.write(
      `${head(['Content-Length: 4'])}bodyGET /open/second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    )
    await connection.closed

    expect(connection.received().match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 401'])
    expect(open.seen.map(({ url }) => url)).toEqual(['/'])
  })
})

describe('a read-only key', () => {
  test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'PROPPATCH', 'MKCOL'])('may not %s', async (method) => {
    const answer = await requestRaw(port(), [
      `${method} /open HTTP/1.1`,
      `X-API-Key: ${readOnly.value}`,
      'X-HTTP-Method-Override: GET',
    ])

    expect(answer.json.code).toBe('read_only_key')
    expect(open.seen).toEqual([])
  })

  test('may GET, and no header makes more of it', async () => {
    const answer = await requestRaw(port(), [
      'GET /open HTTP/1.1',
      `X-API-Key: ${readOnly.value}`,
      'X-HTTP-Method-Override: DELETE',
    ])

    expect(answer.status).toBe(200)
    expect(open.seen).toMatchObject([{ method: 'GET' }])
    expect(JSON.stringify(open.seen)).not.toContain('DELETE')
  })
})

test('headers of 20,000 bytes are refused', async () => {
  const answer = await get('/open', [`X-Large: ${'a'.repeat(20_000)}`])

  expect(answer.status).toBe(431)
  expect(open.seen).toEqual([])
})
