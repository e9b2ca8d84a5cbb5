import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, onTestFinished, test, vi } from 'vitest'
import { type WebSocket as Connected, WebSocket, WebSocketServer } from 'ws'
import { StalledConnections } from '../../src/connections/stalled.js'
import { openConnection } from '../support/raw-http.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'

vi.setConfig({ testTimeout: 60_000 })

// The limit is a second: everything that may be silent is silent for longer.
const silenceMs = 2200
// Far more than the limit, because a busy machine is slow, and far less than for ever.
const soonMs = 20_000

let service: TestService
let key: CreatedKey
/** Connections of the service behind the gateway, by the path that was asked on them. */
const open = new Map<string, Socket>()
/** Paths that were asked, also by connections that have ended since. */
const seen = new Set<string>()
/** More than 600 bytes a second, for longer than the limit. */
const [dripPieces, dripBytes, dripMs] = [22, 300, 100]
const large = Buffer.alloc(1 << 20, 'a')

const behaviours: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  '/large': (_request, response) => {
    const write = () => {
      while (response.write(large)) if (response.destroyed) return
      response.once('drain', write)
    }
    response.writeHead(200)
    write()
  },
  '/takes-all': (request, response) => void request.resume().on('end', () => response.end('all')),
  '/thinks': async (request, response) => {
    request.resume()
    await sleep(silenceMs)
    response.end('thought')
  },
  '/takes-nothing': () => {},
  '/told': (_request, response) => void response.writeHead(200, { 'content-length': 1000 }).write('a'),
  '/drip': async (_request, response) => {
    response.writeHead(200, { 'content-length': dripPieces * dripBytes })
    for (let n = 0; n < dripPieces; n += 1) {
      response.write('a'.repeat(dripBytes))
      await sleep(dripMs)
    }
    response.end()
  },
  '/events': (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
    setTimeout(() => response.end('data: 2\n\n'), silenceMs)
  },
  '/many-events': (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => response.write(`data: ${'e'.repeat(1 << 20)}\n\n`), 10)
    response.on('close', () => clearInterval(timer))
  },
}
const upstream = createServer((request, response) => {
  const path = request.url ?? ''
  open.set(path, request.socket)
  seen.add(path)
  request.socket.once('close', () => open.delete(path))
  request.on('error', () => {})
  behaviours[path]?.(request, response)
})
upstream.requestTimeout = 0
const sockets = new WebSocketServer({ server: upstream })

beforeAll(async () => {
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  service = await startService({ STALLED_CONNECTION_SECONDS: '1' }, { hasGateway: true })
  key = await service.createKey('alice')
  const { port } = upstream.address() as AddressInfo
  await setServices(service, { id: 's', target: `http://127.0.0.1:${port}`, timeout_ms: 60_000 })
})
afterAll(async () => {
  await service.close()
  sockets.close()
  upstream.closeAllConnections()
  upstream.close()
})

const portOf = (url: string) => Number(new URL(url).port)
const head = (method: string, path: string, lines: string[] = []) =>
  [`${method} ${path} HTTP/1.1`, 'Host: a', `X-API-Key: ${key.value}`, ...lines, '', ''].join('\r\n')

/** A client that sends and never reads. */
async function sendWithoutReading(url: string, text: string): Promise<Socket> {
  const socket = connect(portOf(url), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  socket.on('error', () => {}).pause()
  socket.write(text)
  return socket
}

const isGone = (path: string) => vi.waitUntil(() => !open.has(path), { timeout: soonMs })
const nextSocket = (path: string) =>
  new Promise<Connected>((resolve) => {
    sockets.on('connection', (socket, { url }) => {
      if (url === path) resolve(socket)
    })
  })
const wasSeen = (path: string) => vi.waitUntil(() => seen.has(path), { timeout: soonMs })

describe.concurrent('a client', () => {
  test('that does not take its answer is let go, and so is the service', async ({ expect }) => {
    await sendWithoutReading(service.gatewayUrl, head('GET', '/s/large'))
    await wasSeen('/large')

    await isGone('/large')
    expect(open.has('/large')).toBe(false)
  })

  test('that does not take its events is let go, and so is the service', async () => {
    await sendWithoutReading(service.gatewayUrl, head('GET', '/s/many-events'))
    await wasSeen('/many-events')

    await isGone('/many-events')
  })

  test('of the service itself that does not take its answers is let go', async ({ expect }) => {
    const connected = once(service.app.server, 'connection') as Promise<[Socket]>
    await sendWithoutReading(service.url, head('GET', '/openapi.json').repeat(400))
    const [socket] = await connected

    await expect.poll(() => socket.destroyed, { timeout: soonMs }).toBe(true)
  })

  test('that sends its body at a byte in 300 ms is let go, and so is the service', async ({ expect }) => {
    const connection = await openConnection(portOf(service.gatewayUrl))
    connection.socket.write(head('POST', '/s/takes-all', ['Content-Length: 100000']))
    const begun = performance.now()
    const trickle = setInterval(() => connection.socket.write('a'), 300)
    await wasSeen('/takes-all')

    await connection.closed
    clearInterval(trickle)

    expect(performance.now() - begun).toBeLessThan(soonMs)
    await isGone('/takes-all')
  })

  test('that sends its body at more than that is served', async ({ expect }) => {
    const connection = await openConnection(portOf(service.gatewayUrl))
    const length = dripPieces * dripBytes
    connection.socket.write(
      head('POST', '/s/takes-all?slow', [`Content-Length: ${length}`, 'Connection: close']),
    )
    behaviours['/takes-all?slow'] = behaviours['/takes-all'] as (typeof behaviours)[string]
    for (let n = 0; n < dripPieces; n += 1) {
      await sleep(dripMs)
      connection.socket.write('a'.repeat(dripBytes))
    }
    await connection.closed

    expect(connection.received()).toMatch(/^HTTP\/1.1 200 /)
  })

  test('whose service thinks, or sends an event now and then, is served', async ({ expect }) => {
    const get = (path: string, init: RequestInit = {}) =>
      fetch(`${service.gatewayUrl}/s${path}`, { ...init, headers: { 'x-api-key': key.value } })

    const answers = await Promise.all([
      get('/thinks'),
      get('/thinks', { method: 'POST', body: 'b'.repeat(10_000) }),
      get('/events'),
    ])

    expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual([
      'thought',
      'thought',
      'data: 1\n\ndata: 2\n\n',
    ])
  })

  test('with a WebSocket on which nothing is said is left alone', async ({ expect }) => {
    const accepted = nextSocket('/socket')
    const client = new WebSocket(`ws://127.0.0.1:${portOf(service.gatewayUrl)}/s/socket`, {
      headers: { 'x-api-key': key.value },
    })
    const server = await accepted
    // The next call goes through the same client of the pool.
    const drip = await fetch(`${service.gatewayUrl}/s/drip`, { headers: { 'x-api-key': key.value } })
    expect(await drip.text()).toHaveLength(dripPieces * dripBytes)

    server.send('still there')
    const [text] = await once(client, 'message')

    expect(String(text)).toBe('still there')
    client.terminate()
  })

  test('of a WebSocket that takes nothing is let go', async ({ expect }) => {
    const accepted = nextSocket('/full-socket')
    await sendWithoutReading(
      service.gatewayUrl,
      head('GET', '/s/full-socket', [
        ...['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
        `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}`,
      ]),
    )
    const server = await accepted
    const timer = setInterval(() => server.send(large), 10)

    const [code] = await once(server, 'close')
    clearInterval(timer)

    expect(code).toBe(1006)
  })
})

describe.concurrent('a service', () => {
  test('that takes nothing of a body is let go: 504', async ({ expect }) => {
    const answer = await fetch(`${service.gatewayUrl}/s/takes-nothing`, {
      method: 'POST',
      headers: { 'x-api-key': key.value },
      body: Buffer.alloc(30 << 20),
    })

    expect(answer.status).toBe(504)
  })

  test('that does not send the rest of a told length is let go', async ({ expect }) => {
    const answer = await fetch(`${service.gatewayUrl}/s/told`, { headers: { 'x-api-key': key.value } })

    await expect(answer.text()).rejects.toThrow()
    await isGone('/told')
  })
})

test('the time in which this process is stopped or blocked does not count', async ({ expect }) => {
  const limitMs = 400
  const stalled = new StalledConnections(limitMs)
  const server = createTcpServer((socket) => {
    stalled.watch({ socket, isBodyDue: () => false, end: () => socket.destroy() })
    socket.on('error', () => {}).end(Buffer.alloc(20 << 20))
  }).listen(0, '127.0.0.1')
  onTestFinished(() => {
    stalled.close()
    server.close()
  })
  await once(server, 'listening')
  stalled.start()
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1').pause()
  client.on('error', () => {})
  await once(client, 'connect')

  await sleep(limitMs / 4)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * limitMs)
  await sleep(limitMs / 4)
  let received = 0
  for await (const chunk of client) received += chunk.length

  expect(received).toBe(20 << 20)
})
