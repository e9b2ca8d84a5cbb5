import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { requestRaw } from '../support/raw-http.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'

const header = 'X-Private: header-9f'
const body = 'body-9f'
const head = `HTTP/1.1 200 OK\r\n${header}\r\n`

let service: TestService
let key: CreatedKey
let broken: Server
/** What the service says to whatever it is asked. */
let answer = ''
const sockets = new Set<Socket>()
/** Another service for each test, because equal faults of one service are counted instead of repeated. */
let id = ''
let tests = 0

beforeAll(async () => {
  broken = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.on('data', () => socket.end(answer, 'latin1'))
  }).listen(0, '127.0.0.1')
  await once(broken, 'listening')
  service = await startService({ LOG_LEVEL: 'trace' }, { hasGateway: true })
  key = await service.createKey('alice')
})
beforeEach(async () => {
  id = `service-${++tests}`
  await setServices(service, { id, target: `http://127.0.0.1:${(broken.address() as AddressInfo).port}` })
  service.log.length = 0
})
afterAll(async () => {
  await service.close()
  for (const socket of sockets) socket.destroy()
  broken.close()
})

const ask = (method: string, lines: string[] = []) =>
  requestRaw(Number(new URL(service.gatewayUrl).port), [
    `${method} /${id} HTTP/1.1`,
    `X-API-Key: ${key.value}`,
    ...lines,
  ])
const log = () => service.log.join('')
const upgrade = ['Connection: Upgrade', 'Upgrade: websocket']

function expectNothingPrivate(text: string): void {
  expect(text).not.toContain('header-9f')
  expect(text).not.toContain('body-9f')
  // Bytes could be written as numbers or in base64.
  for (const part of ['header-9f', 'body-9f']) {
    expect(text).not.toContain([...Buffer.from(part)].join(','))
    expect(text).not.toContain(Buffer.from(part).toString('base64').slice(0, 8))
  }
}

describe('an answer that is no HTTP is a 502, and neither the caller nor the log reads a piece of it', () => {
  const cases: [string, string][] = [
    ['a length that is no number', `${head.replace(header, `Content-Length: abc\r\n${header}`)}\r\n${body}`],
    ['two lengths', `${head}Content-Length: 7\r\nContent-Length: 8\r\n\r\n${body}`],
    ['a length and chunks', `${head}Content-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n${body}`],
    ['another status line', `HTTP/1.1 header-9f OK\r\n${header}\r\n\r\n${body}`],
    ['another protocol', 'SSH-2.0-header-9f\r\nbody-9f\r\n'],
    ['a name of a header with a space', `${head}X Private: header-9f\r\n\r\n${body}`],
    ['a header without a colon', `${head}header-9f\r\n\r\n${body}`],
    ['a control character in a header', `${head}X-Private: header-9f\x00\r\n\r\n${body}`],
    ['headers that are too large', `${head}X-Large: ${'header-9f'.repeat(10_000)}\r\n\r\n${body}`],
    ['an end in its headers', head],
    ['an upgrade that nobody asked for', `HTTP/1.1 101 No\r\n${header}\r\nUpgrade: x\r\n\r\n${body}`],
    ['a status that HTTP does not have', `HTTP/1.1 999 X\r\n${header}\r\nContent-Length: 7\r\n\r\n${body}`],
    ['100 to a request that did not ask', `HTTP/1.1 100 Continue\r\n${header}\r\n\r\n${body}`],
  ]

  test.each(cases)('%s', async (what, text) => {
    answer = text

    const toGet = await ask('GET')
    const toPost = await ask('POST')
    // To one that asks for it, 101 is an answer.
    const toUpgrade = await ask('GET', what.startsWith('an upgrade') ? [] : upgrade)

    for (const got of [toGet, toPost, toUpgrade]) {
      expect(got.json).toMatchObject({ code: 'bad_gateway', status: 502 })
      expectNothingPrivate(JSON.stringify(got))
    }
    expectNothingPrivate(log())
    expect(log()).toContain(`"service":"${id}"`)
  })
})

describe('an answer that goes wrong after its head is cut off, and the log reads no piece of it', () => {
  test.each([
    [
      'a chunk whose size is none',
      `${head}Transfer-Encoding: chunked\r\n\r\n7\r\n${body}\r\nzz\r\n${body}\r\n`,
    ],
    ['a chunk of another size', `${head}Transfer-Encoding: chunked\r\n\r\n3\r\n${body}\r\n0\r\n\r\n`],
    ['less than its length', `${head}Content-Length: 100\r\n\r\n${body}`],
    ['no last chunk', `${head}Transfer-Encoding: chunked\r\n\r\n7\r\n${body}\r\n`],
    [
      'a broken trailer',
      `${head}Transfer-Encoding: chunked\r\n\r\n7\r\n${body}\r\n0\r\nX Private: body-9f\r\n\r\n`,
    ],
  ])('%s', async (_what, text) => {
    answer = text

    const got = await ask('GET')

    // Neither a length nor a last chunk says that this was all.
    expect(got.body.endsWith('0\r\n\r\n')).toBe(false)
    expect(got.header('content-length')).not.toEqual([String(got.body.length)])
    expectNothingPrivate(log())
    expect(log()).toContain('an answer broke off')
  })
})

test('the log says why a service gave no answer', async () => {
  answer = `HTTP/1.1 200 OK\r\nContent-Length: abc\r\n${header}\r\n\r\n${body}`

  await ask('GET')

  expect(log()).toContain('Invalid character in Content-Length')
})
