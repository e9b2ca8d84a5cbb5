import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { requestRaw } from '../support/raw-http.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'

const final = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody'
const asked = /^(GET|HEAD|POST|PUT|OPTIONS) /gm

let service: TestService
let key: CreatedKey
let upstream: Server
const sockets = new Set<Socket>()
/** The request lines that came, over all connections. */
let seen: string[] = []
/** How the service behind the gateway answers; the number of the call on its connection begins at 1. */
let answer: (socket: Socket, call: number) => void = () => {}

beforeAll(async () => {
  upstream = createServer((socket) => {
    sockets.add(socket)
    let calls = 0
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => {
      const lines = chunk.toString('latin1').match(asked) ?? []
      if (lines.length === 0) return
      seen.push(...lines)
      calls += 1
      answer(socket, calls)
    })
  }).listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  service = await startService({}, { hasGateway: true })
  key = await service.createKey('alice')
  const { port } = upstream.address() as AddressInfo
  await setServices(service, { id: 's', target: `http://127.0.0.1:${port}`, timeout_ms: 2000 })
})
beforeEach(() => {
  seen = []
  // A test begins without kept connections.
  for (const socket of sockets) socket.destroy()
})
afterAll(async () => {
  await service.close()
  for (const socket of sockets) socket.destroy()
  upstream.close()
})

const ask = (method = 'GET', lines: string[] = [], body = '') =>
  requestRaw(
    Number(new URL(service.gatewayUrl).port),
    [`${method} /s HTTP/1.1`, `X-API-Key: ${key.value}`, ...lines],
    body,
  )

describe('informational answers are passed over, and the request is sent once', () => {
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n'
  const go = 'HTTP/1.1 100 Continue\r\n\r\n'

  test.each([
    ['100', go],
    ['100 with headers', 'HTTP/1.1 100 Continue\r\nX-A: b\r\n\r\n'],
    ['103 that says close', early.replace('Link', 'Connection: close\r\nLink')],
    ['100 of HTTP/1.0', 'HTTP/1.0 100 Continue\r\n\r\n'],
    ['102', 'HTTP/1.1 102 Processing\r\n\r\n'],
    ['103', early],
    ['104', 'HTTP/1.1 104 Upload Resumption Supported\r\n\r\n'],
    ['199', 'HTTP/1.1 199 X\r\n\r\n'],
    ['several', go + early + go + go + early],
    ['100 after 103', early + go],
  ])('%s', async (_what, informational) => {
    answer = (socket) => socket.write(informational + final)

    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const got = await ask(method)

      expect([got.status, got.body]).toEqual([200, 'body'])
      expect(got.header('link')).toEqual([])
    }
    expect(seen).toEqual(['GET ', 'POST ', 'OPTIONS '])
  })

  test('100 to HEAD', async () => {
    answer = (socket) => socket.write(`${go}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n`)

    expect((await ask('HEAD')).status).toBe(200)
    expect(seen).toEqual(['HEAD '])
  })

  test('wherever the network cuts them', async () => {
    const whole = `${go}${early}${go}${final}`
    for (const step of [1, 7, 30]) {
      answer = async (socket) => {
        socket.setNoDelay(true)
        for (let at = 0; at < whole.length; at += step) {
          socket.write(whole.slice(at, at + step))
          await new Promise(setImmediate)
        }
      }

      expect((await ask()).body).toBe('body')
    }
    expect(seen).toEqual(['GET ', 'GET ', 'GET '])
  })

  test('on a kept connection too, and a body that looks like one is a body', async () => {
    answer = (socket) => socket.write(`${go}HTTP/1.1 200 OK\r\nContent-Length: ${go.length}\r\n\r\n${go}`)

    for (let call = 0; call < 3; call += 1) expect((await ask()).body).toBe(go)
    expect(seen).toHaveLength(3)
    expect(sockets.size).toBe(1)
  })

  test('before the switch of protocols that a WebSocket asks for', async () => {
    const switched =
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nframes'
    answer = (socket) => {
      socket.write(go + early + switched)
      setTimeout(() => socket.end(), 50)
    }

    const got = await ask('GET', ['Connection: Upgrade', 'Upgrade: websocket'])

    expect([got.status, got.body]).toEqual([101, 'frames'])
    expect(seen).toEqual(['GET '])
  })

  test('before the service takes a body', async () => {
    answer = async (socket) => {
      socket.write(go)
      await sleep(50)
      socket.write(final)
    }

    const got = await ask('POST', ['Content-Length: 4'], 'text')

    expect([got.status, seen]).toEqual([200, ['POST ']])
  })
})

describe('an answer that is none is a 502, and the request was sent once', () => {
  test.each([
    [
      'a switch of protocols that was not asked for',
      'HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
    ],
    ['a part of a head', 'HTTP/1.1 200 OK\r\nX-'],
    ['a part of an informational head', 'HTTP/1.1 100 Con'],
    ['an informational answer alone', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['another protocol', 'SSH-2.0-OpenSSH\r\n'],
  ])('%s, on a new connection and on a kept one', async (_what, text) => {
    answer = (socket, call) => (call === 2 ? socket.end(text) : socket.write(final))
    await ask()
    seen = []
    expect((await ask()).status).toBe(502)
    expect(seen).toEqual(['GET '])

    answer = (socket) => socket.end(text)
    seen = []
    expect((await ask()).status).toBe(502)
    expect(seen).toEqual(['GET '])
  })
})

describe('a connection that the service closes without a word', () => {
  test('is tried once more for a GET on a kept connection', async () => {
    answer = (socket, call) => (call === 2 ? socket.destroy() : socket.write(final))
    await ask()

    expect((await ask()).status).toBe(200)
    expect(seen).toEqual(['GET ', 'GET ', 'GET '])
  })

  test('is a 502 for a GET on a new connection, which the service has seen once', async () => {
    answer = (socket) => socket.destroy()

    expect((await ask()).status).toBe(502)
    expect(seen).toEqual(['GET '])
  })

  test.each(['POST', 'PUT'])('is a 502 for a %s on a kept connection', async (method) => {
    answer = (socket, call) => (call === 2 ? socket.destroy() : socket.write(final))
    await ask()

    expect((await ask(method)).status).toBe(502)
    expect(seen).toEqual(['GET ', `${method} `])
  })
})
