import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openConnection, parseAnswer, type RawAnswer, requestRaw, sendBytes } from '../support/raw-http.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let port: number
let authorization: string
beforeAll(async () => {
  service = await startService()
  port = service.config.port
  authorization = (await service.as('alice')).authorization
})
afterAll(() => service.close())

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Every error answer is a problem document that says nothing beyond it. */
function expectProblem(answer: RawAnswer, status: number, code: string) {
  expect(answer.status).toBe(status)
  expect(answer.header('content-type')).toEqual(['application/problem+json; charset=utf-8'])
  expect(answer.json).toMatchObject({ type: `urn:latchkey:problem:${code}`, status, code })
  expect(answer.json.requestId).toMatch(uuid)
  const allowed = ['type', 'title', 'status', 'detail', 'code', 'requestId', 'errors']
  expect(Object.keys(answer.json).filter((member) => !allowed.includes(member))).toEqual([])
  expect(answer.body).not.toMatch(/node_modules|\bat \w+ \(|FST_|HPE_|Error:/)
}

describe('a URL that leads nowhere is a problem document', () => {
  test.each([
    ['GET /nowhere', 404, 'not_found'],
    ['POST /nowhere', 404, 'not_found'],
    ['PROPFIND /me', 404, 'not_found'],
    ['TRACE /me', 404, 'not_found'],
    ['GET /%zz', 400, 'invalid_request'],
    ['GET /api-keys/%zz', 400, 'invalid_request'],
    ['GET /api-keys/%c3%28', 400, 'invalid_request'],
    [`GET /api-keys/${'a'.repeat(1000)}`, 404, 'not_found'],
    [`GET /catalog/collections/${'a'.repeat(1000)}`, 404, 'not_found'],
  ])('%s', async (line, status, code) => {
    const answer = await requestRaw(port, [`${line} HTTP/1.1`])

    expectProblem(answer, status, code)
    expect(answer.header('x-request-id')).toEqual([answer.json.requestId])
    expect(answer.header('x-content-type-options')).toEqual(['nosniff'])
    // A random request id may hold these letters.
    const { requestId, ...told } = answer.json
    expect(JSON.stringify(told)).not.toContain('aaaa')
  })
})

describe('what is no HTTP is a problem document', () => {
  test.each([
    ['a line that is no request', 'GARBAGE\r\n\r\n', 400],
    ['an unknown method', 'FOO /me HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['a broken header', 'GET /me HTTP/1.1\r\nHost: x\r\nX-API-Key: a\x01b\r\n\r\n', 400],
    [
      'two lengths of the body',
      'POST /api-keys HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    [
      '20 kB of headers',
      `GET /me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${'a'.repeat(20_000)}\r\n\r\n`,
      431,
    ],
    ['a URL of 20 kB', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
  ])('%s', async (_kind, bytes, status) => {
    const answer = await sendBytes(port, bytes)

    expectProblem(answer, status, 'invalid_request')
    expect(answer.header('connection')).toEqual(['close'])
  })

  test('also on a connection that has served a request before', async () => {
    const connection = await openConnection(port)
    connection.socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n')
    await connection.next('"up"}')
    connection.socket.write(`GET /me HTTP/1.1\r\nHost: x\r\nX-API-Key: ${'a'.repeat(20_000)}\r\n\r\n`)
    const answer = parseAnswer(await connection.next('requestId'))

    expectProblem(answer, 431, 'invalid_request')
  })

  test('and is found in the log by its request id, without what was sent', async () => {
    const answer = await sendBytes(port, 'GET /me HTTP/1.1\r\nHost: x\r\nX-API-Key: my-secret\x01\r\n\r\n')

    const line = service.log.find((line) => line.includes(answer.json.requestId))
    expect(line).toContain('HPE_INVALID_HEADER_TOKEN')
    expect(service.log.join('')).not.toContain('my-secret')
  })
})

describe('a body that cannot be taken is a problem document', () => {
  const post = (type: string, body: string, ...headers: string[]) =>
    requestRaw(
      port,
      [
        'POST /api-keys HTTP/1.1',
        `Authorization: ${authorization}`,
        `Content-Type: ${type}`,
        `Content-Length: ${Buffer.byteLength(body)}`,
        ...headers,
      ],
      body,
    )

  test.each([
    [
      'larger than 64 kB',
      'application/json',
      JSON.stringify({ name: 'x'.repeat(70_000) }),
      413,
      'payload_too_large',
    ],
    ['of another type', 'text/plain', 'name', 415, 'unsupported_media_type'],
    ['of XML', 'application/xml', '<a/>', 415, 'unsupported_media_type'],
    ['of a type that is none', 'nonsense', 'name', 415, 'unsupported_media_type'],
    ['broken', 'application/json', '{"name": "my-sec', 400, 'validation_failed'],
    [
      'that sets a prototype',
      'application/json',
      '{"name": "x", "__proto__": {"a": 1}}',
      400,
      'validation_failed',
    ],
    [
      'that sets a constructor',
      'application/json',
      '{"constructor": {"prototype": {}}}',
      400,
      'validation_failed',
    ],
    ['with an unknown member', 'application/json', '{"name": "x", "owner": "bob"}', 400, 'validation_failed'],
    ['that is a list', 'application/json', '[]', 400, 'validation_failed'],
    ['without what is required', 'application/json', '{}', 400, 'validation_failed'],
  ])('%s', async (_kind, type, body, status, code) => {
    const answer = await post(type, body)

    expectProblem(answer, status, code)
    expect(answer.body).not.toContain('my-sec')
    expect(answer.header('cache-control')).toEqual(['no-store'])
  })

  test('announced larger than it may be, before it is sent', async () => {
    const answer = await requestRaw(port, [
      'POST /api-keys HTTP/1.1',
      `Authorization: ${authorization}`,
      'Content-Type: application/json',
      'Content-Length: 10000000',
    ])

    expectProblem(answer, 413, 'payload_too_large')
  })

  test('and a caller without a credential hears nothing of its faults', async () => {
    const answer = await requestRaw(port, [
      'POST /api-keys HTTP/1.1',
      'Content-Type: text/plain',
      'Content-Length: 10000000',
    ])

    expectProblem(answer, 401, 'not_authenticated')
  })

  test('with each fault of its input by name', async () => {
    const answer = await post('application/json', '{"name": "", "owner": "bob", "scopes": 1}')

    expect(answer.json.errors.map(({ path }: { path: string }) => path).sort()).toEqual([
      'name',
      'owner',
      'scopes',
    ])
  })
})
