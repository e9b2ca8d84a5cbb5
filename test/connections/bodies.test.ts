import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openConnection, sendBytes } from '../support/raw-http.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'

let service: TestService
let upstream: Upstream
let key: CreatedKey
beforeAll(async () => {
  upstream = await startUpstream()
  service = await startService({}, { hasGateway: true })
  key = await service.createKey('alice')
  await setServices(service, { id: 's', target: upstream.url })
})
afterAll(async () => {
  await service.close()
  await upstream.close()
})

type Side = 'service' | 'gateway'
const portOf = (side: Side) => Number(new URL(side === 'service' ? service.url : service.gatewayUrl).port)
const pathOf = { service: '/api-keys/verify', gateway: '/s/a' }
const body = JSON.stringify({ value: 'lk_a' })
const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`

const post = (side: Side, lines: string[], path = pathOf[side]) =>
  [
    `POST ${path} HTTP/1.1`,
    'Host: a',
    `X-API-Key: ${key.value}`,
    'Content-Type: application/json',
    ...lines,
    ...['', ''],
  ].join('\r\n')

describe.each<Side>(['service', 'gateway'])('a body sent to the %s', (side) => {
  test.each([
    ['gzip, chunked', ['Transfer-Encoding: gzip, chunked']],
    ['deflate, chunked', ['Transfer-Encoding: deflate,chunked']],
    ['identity, chunked', ['Transfer-Encoding: identity, chunked']],
    ['x-own, chunked', ['Transfer-Encoding: x-own, chunked']],
    ['two lines', ['Transfer-Encoding: gzip', 'Transfer-Encoding: chunked']],
    ['an empty member', ['Transfer-Encoding: , chunked']],
    ['parameters', ['Transfer-Encoding: gzip;q=1, chunked']],
  ])('is 501 in the coding %s, and reaches nobody', async (_what, lines) => {
    const answer = await sendBytes(portOf(side), post(side, lines) + chunks)

    expect([answer.status, answer.json?.code]).toEqual([501, 'invalid_request'])
    expect(answer.header('connection')).toEqual(['close'])
    expect(answer.header('x-request-id')).toHaveLength(1)
    expect(upstream.seen).toEqual([])
  })

  test.each([
    ['gzip'],
    ['chunked, gzip'],
    ['identity'],
    ['xchunked'],
    ['chunked, chunked'],
    ['chunked\r\nTransfer-Encoding: chunked'],
  ])('is broken in the coding %s: 400', async (coding) => {
    const answer = await sendBytes(portOf(side), post(side, [`Transfer-Encoding: ${coding}`]) + chunks)

    expect(answer.status).toBe(400)
    expect(upstream.seen).toEqual([])
  })

  test.each(['chunked', 'CHUNKED', 'Chunked', ' chunked '])('is taken in the coding "%s"', async (coding) => {
    const lines = ['Connection: close', `Transfer-Encoding: ${coding}`]

    expect((await sendBytes(portOf(side), post(side, lines) + chunks)).status).toBe(200)
    upstream.seen.length = 0
  })

  const refused: [string, number, (side: Side) => string][] = [
    [
      'without a credential',
      401,
      () => post(side, ['Content-Length: 60000'], '/api-keys').replace(/X-API-Key: \S+/, 'X-A: b'),
    ],
    [
      'with a key that is none',
      401,
      () =>
        post(side, ['Content-Length: 60000'], side === 'service' ? '/api-keys' : '/s/a').replace(
          /X-API-Key: \S+/,
          'X-API-Key: lk_x',
        ),
    ],
    ['to a path that is unknown', 404, () => post(side, ['Content-Length: 60000'], '/nothing')],
    ['to a path that cannot be read', 400, () => post(side, ['Content-Length: 60000'], '/%')],
    ['that is too large', 413, () => post(side, ['Content-Length: 99999999'])],
    [
      'of a wrong type',
      415,
      () => post(side, ['Content-Length: 60000']).replace('application/json', 'text/csv'),
    ],
    ['that is broken', 400, () => `${post(side, ['Transfer-Encoding: chunked'])}zz\r\n`],
    ['behind a broken head', 400, () => post(side, ['Content-Length: x'])],
  ]
  const cases = refused.filter(([what]) => side === 'service' || !/large|type|credential|broken$/.test(what))
  test.concurrent.each(cases)(
    '%s is answered with %i, and its rest ends soon',
    async (_what, status, head) => {
      const connection = await openConnection(portOf(side))
      const begun = performance.now()
      connection.socket.write(head(side))
      const trickle = setInterval(() => connection.socket.write('a'), 100)

      await connection.closed
      clearInterval(trickle)

      expect(connection.received()).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      expect(performance.now() - begun).toBeLessThan(4000)
    },
  )
})

test('the time limit of a whole request is the one that is set', () => {
  const { requestTimeout, headersTimeout } = service.app.server

  // Node exchanges the two when the limit of the head is the larger one.
  expect([requestTimeout, headersTimeout]).toEqual([15_000, 15_000])
})
