import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, type MockInstance, test, vi } from 'vitest'
import { openConnection } from '../support/raw-http.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'

let service: TestService
let key: CreatedKey
let upstream: Upstream
let answer: RequestListener = () => {}
/** What the gateway hands to the connection of its last client, piece by piece. */
let written: MockInstance<Socket['write']>

beforeAll(async () => {
  upstream = await startUpstream((request, response) => answer(request, response))
  service = await startService({}, { hasGateway: true })
  key = await service.createKey('alice')
  await setServices(service, { id: 's', target: upstream.url })
  service.gateway?.server.on('connection', (socket: Socket) => {
    written = vi.spyOn(socket, 'write')
  })
})
afterAll(async () => {
  await service.close()
  await upstream.close()
})

const headOf = (method: string) =>
  `${method} /s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-API-Key: ${key.value}\r\n\r\n`

async function ask(method = 'GET'): Promise<{ head: string; body: string }> {
  const connection = await openConnection(Number(new URL(service.gatewayUrl).port))
  connection.socket.write(headOf(method))
  await connection.closed
  const [head = '', ...rest] = connection.received().split('\r\n\r\n')
  return { head, body: rest.join('\r\n\r\n') }
}

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

describe('a small answer of a told length', () => {
  test.each([
    ['of one byte', Buffer.from([0xff])],
    ['of every byte', everyByte],
    ['in UTF-8', Buffer.from('見つかりません')],
    ['of 4 KiB', Buffer.alloc(4096, everyByte)],
  ])('leaves in one write with its head, its bytes as they came: %s', async (_what, body) => {
    answer = (_request, response) => void response.writeHead(200, { 'content-length': body.length }).end(body)

    const got = await ask()

    expect(got.head).toMatch(new RegExp(`\r\ncontent-length: ${body.length}\r\n`))
    expect(Buffer.from(got.body, 'latin1').equals(body)).toBe(true)
    expect(written).toHaveBeenCalledTimes(1)
  })

  test('to HEAD is its head alone, with the length', async () => {
    answer = (_request, response) => void response.writeHead(200, { 'content-length': 7 }).end()

    const got = await ask('HEAD')

    expect(got.head).toContain('\r\ncontent-length: 7')
    expect(got.body).toBe('')
  })

  test.each([204, 304])('of %i is its head alone', async (status) => {
    answer = (_request, response) => void response.writeHead(status, { etag: '"a"' }).end()

    const got = await ask()

    expect(got.head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(got.head).not.toMatch(/content-length|transfer-encoding/i)
    expect(got.body).toBe('')
  })

  test('of no bytes keeps its length', async () => {
    answer = (_request, response) => void response.writeHead(200, { 'content-length': 0 }).end()

    const got = await ask()

    expect(got.head).toContain('\r\ncontent-length: 0')
    expect(got.body).toBe('')
  })

  test('that comes in two parts is whole, and the first is not held back', async () => {
    let finish: () => void = () => {}
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': 6 }).write('abc')
      finish = () => response.end('def')
    }
    const connection = await openConnection(Number(new URL(service.gatewayUrl).port))

    connection.socket.write(headOf('GET'))
    await connection.next('abc')
    finish()
    await connection.next('def')

    await connection.closed
  })

  test('whose body comes later does not hold back its head', async () => {
    let finish: () => void = () => {}
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': 3 }).flushHeaders()
      finish = () => response.end('abc')
    }
    const connection = await openConnection(Number(new URL(service.gatewayUrl).port))

    connection.socket.write(headOf('GET'))
    expect(await connection.next('\r\n\r\n')).toMatch(/\r\n\r\n$/)
    finish()
    await connection.next('abc')

    await connection.closed
  })
})

test('an answer of 4 KiB and a byte is whole', async () => {
  const body = Buffer.alloc(4097, everyByte)
  answer = (_request, response) => void response.writeHead(200, { 'content-length': body.length }).end(body)

  const got = await ask()

  expect(Buffer.from(got.body, 'latin1').equals(body)).toBe(true)
})

test('an answer in chunks stays one in chunks', async () => {
  answer = (_request, response) => void response.writeHead(200).end('abc')

  const got = await ask()

  expect(got.head).toMatch(/transfer-encoding: chunked/i)
  expect(got.body).toBe('3\r\nabc\r\n0\r\n\r\n')
})

describe('of a service that says more than one answer', () => {
  let talkative: Server
  let text = ''
  beforeAll(async () => {
    talkative = createServer((socket) => {
      socket.on('error', () => {}).once('data', () => socket.end(text))
    }).listen(0, '127.0.0.1')
    await once(talkative, 'listening')
    const { port } = talkative.address() as AddressInfo
    await setServices(service, { id: 's', target: `http://127.0.0.1:${port}` })
  })
  afterAll(async () => {
    talkative.close()
    await setServices(service, { id: 's', target: upstream.url })
  })

  test('interim ones are left out', async () => {
    text =
      'HTTP/1.1 102 Processing\r\nX-Interim: a\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc'

    const got = await ask()

    expect(got.head).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(got.head).not.toMatch(/x-interim|link/i)
    expect(got.body).toBe('abc')
  })

  test('what follows the end of the first is read by nobody', async () => {
    text = 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'

    const got = await ask()

    expect(got.body).toBe('abc')
    expect((await ask()).body).toBe('abc')
  })
})
