import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { openConnection, requestRaw } from '../support/raw-http.js'
import { type CreatedKey, findFreePort, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream } from '../support/upstream.js'

vi.setConfig({ testTimeout: 30_000 })

let service: TestService
let key: CreatedKey
let upstream: WebSocketServer
let came: IncomingMessage[] = []
const port = () => Number(new URL(service.gatewayUrl).port)
const target = () => `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`

beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '1000' }, { hasGateway: true })
  upstream = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    handleProtocols: (offered) => (offered.has('chat') ? 'chat' : false),
  })
  upstream.on('connection', (socket, request) => {
    came.push(request)
    socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }))
    socket.on('error', () => {})
  })
  await once(upstream, 'listening')
})
beforeEach(async () => {
  key = await service.createKey('alice')
  await setServices(service, {
    id: 'ws',
    target: target(),
    accept: { query: true, cookie: true, basic: true },
  })
})
afterEach(() => {
  came = []
})
afterAll(async () => {
  await service.close()
  for (const socket of upstream.clients) socket.terminate()
  upstream.close()
})

const open = (path = '/ws/x', headers: Record<string, string> = { 'x-api-key': key.value }) =>
  new WebSocket(`ws://127.0.0.1:${port()}${path}`, ['chat'], { headers })

async function opened(socket: WebSocket): Promise<WebSocket> {
  await once(socket, 'open')
  return socket
}

async function say(socket: WebSocket, message: string | Buffer): Promise<Buffer> {
  socket.send(message)
  const [answer] = await once(socket, 'message')
  return answer
}

/** The status that an upgrade is refused with. */
async function refusalOf(socket: WebSocket): Promise<number> {
  const [, response] = await once(socket, 'unexpected-response')
  response.resume()
  socket.on('error', () => {})
  socket.terminate()
  return response.statusCode
}

describe('a WebSocket with a key', () => {
  test('speaks with the service, in text and in bytes', async () => {
    const socket = await opened(open('/ws/room?a=b'))
    const large = Buffer.alloc(1_000_000, 7)

    expect(String(await say(socket, 'hello'))).toBe('hello')
    expect(large.equals(await say(socket, large))).toBe(true)
    expect(socket.protocol).toBe('chat')
    expect(came).toMatchObject([{ url: '/room?a=b' }])
    socket.terminate()
  })

  test('shows the service who is there, and not the key', async () => {
    const socket = await opened(open())

    const [request] = came
    expect(request?.headers).toMatchObject({ 'latchkey-login': 'alice', 'x-forwarded-for': '127.0.0.1' })
    expect(JSON.stringify(request?.rawHeaders)).not.toContain(key.value)
    socket.terminate()
  })

  test('may come with the key in its URL, where the service takes that; browsers can send no header', async () => {
    const socket = await opened(open(`/ws/x?api_key=${key.value}&a=b`, {}))

    expect(came).toMatchObject([{ url: '/x?a=b' }])
    socket.terminate()
  })

  test('is closed as the other side says', async () => {
    const socket = await opened(open())

    socket.close(4001, 'enough')
    const [code, reason] = await once(socket, 'close')

    expect([code, String(reason)]).toEqual([4001, 'enough'])
  })

  test('ends when the service goes away', async () => {
    const socket = await opened(open())

    for (const other of upstream.clients) other.terminate()

    expect((await once(socket, 'close'))[0]).toBe(1006)
  })

  test('lets go of the service when its client goes away', async () => {
    const socket = await opened(open())
    const [other] = upstream.clients

    socket.terminate()

    if (other !== undefined && other.readyState !== WebSocket.CLOSED) await once(other, 'close')
    expect(service.gateway?.server.listening).toBe(true)
  })
})

test('a kept connection that the service has closed is no failure of a WebSocket', async () => {
  const kept = await startUpstream((_request, response) => void response.end('a'))
  const sockets = new WebSocketServer({ server: kept.server })
  await setServices(service, { id: 'ws', target: kept.url })

  for (let round = 0; round < 10; round += 1) {
    const call = await fetch(`${service.gatewayUrl}/ws`, { headers: { 'x-api-key': key.value } })
    expect(await call.text()).toBe('a')
    kept.server.closeIdleConnections()
    const socket = await opened(open('/ws'))
    socket.terminate()
  }

  sockets.close()
  await kept.close()
})

describe('a WebSocket is refused', () => {
  test('without a key', async () => {
    expect(await refusalOf(open('/ws', {}))).toBe(401)
    expect(came).toEqual([])
  })

  test('with a wrong one', async () => {
    expect(await refusalOf(open('/ws', { 'x-api-key': 'lk_wrong' }))).toBe(401)
    expect(came).toEqual([])
  })

  test('where nothing is', async () => {
    expect(await refusalOf(open('/nothing'))).toBe(404)
  })

  test('as the service refuses it', async () => {
    const picky = await startUpstream()
    picky.server.on('upgrade', (_request, socket) =>
      socket.end('HTTP/1.1 418 No\r\nContent-Length: 0\r\n\r\n'),
    )
    await setServices(service, { id: 'ws', target: picky.url })

    expect(await refusalOf(open())).toBe(418)
    await picky.close()
  })

  test('where the service is away', async () => {
    await setServices(service, { id: 'ws', target: `http://127.0.0.1:${await findFreePort()}` })

    expect(await refusalOf(open())).toBe(502)
  })

  test('where the service says nothing', async () => {
    const silent = await startUpstream()
    silent.server.on('upgrade', () => {})
    await setServices(service, { id: 'ws', target: silent.url, timeout_ms: 300 })

    expect(await refusalOf(open())).toBe(504)
    await silent.close()
  })

  test('and the connection closes behind the answer', async () => {
    const answer = await requestRaw(port(), [
      'GET /ws HTTP/1.1',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ])

    expect(answer.status).toBe(401)
    expect(answer.json.code).toBe('not_authenticated')
    expect(answer.header('connection')).toEqual(['close'])
  })
})

describe('another protocol', () => {
  const upgrade = (more: string[], body = '') =>
    requestRaw(
      port(),
      ['GET /echo/x HTTP/1.1', `X-API-Key: ${key.value}`, 'Connection: Upgrade, HTTP2-Settings', ...more],
      body,
    )

  test('as h2c is not spoken: the call is answered in HTTP/1.1, and the service hears nothing of it', async () => {
    const echo = await startUpstream()
    await setServices(service, { id: 'echo', target: echo.url })

    const answer = await upgrade(['Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'])

    expect(answer.status).toBe(200)
    expect(echo.seen[0]?.headers).not.toHaveProperty('upgrade')
    expect(echo.seen[0]?.headers).not.toHaveProperty('http2-settings')
    await echo.close()
  })

  test.each(['websocket', 'h2c'])('to %s that is answered in HTTP ends with its client', async (protocol) => {
    let closed: () => void = () => {}
    const gone = new Promise<void>((resolve) => {
      closed = resolve
    })
    const silent = await startUpstream((_request, response) => {
      response.writeHead(200).write('a')
      response.on('close', () => closed())
    })
    await setServices(service, { id: 'silent', target: silent.url })
    const connection = await openConnection(port())
    connection.socket.write(
      `GET /silent HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key.value}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`,
    )
    await connection.next('HTTP/1.1 200')

    connection.socket.destroy()

    await gone
    await silent.close()
  })

  test.each(['websocket', 'h2c'])(
    'to %s behind a request that has no answer yet ends that connection and no other',
    async (protocol) => {
      const connection = await openConnection(port())
      connection.socket.write(
        `GET /ws HTTP/1.1\r\nHost: a\r\n\r\nGET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`,
      )
      await connection.closed

      const other = await opened(open())
      expect(await say(other, 'still there')).toEqual(Buffer.from('still there'))
      other.terminate()
    },
  )

  test('with a body is refused, since the body could be read in two ways', async () => {
    const echo = await startUpstream()
    await setServices(service, { id: 'echo', target: echo.url })

    const answer = await upgrade(['Upgrade: h2c', 'Content-Length: 4'], 'body')

    expect(answer.status).toBe(400)
    expect(echo.seen).toEqual([])
    await echo.close()
  })

  test('CONNECT is refused', async () => {
    const connection = await openConnection(port())
    connection.socket.write('CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: a\r\n\r\n')
    await connection.closed

    expect(connection.received()).toMatch(/^HTTP\/1\.1 400 /)
  })
})

describe('what is under way ends within a second', () => {
  const revoke = () =>
    service
      .as('alice')
      .then((headers) =>
        service.inject({ method: 'POST', url: `/api-keys/${key.id}/revoke`, headers, payload: {} }),
      )

  async function secondsUntilEnd(end: () => unknown): Promise<number> {
    const socket = await opened(open())
    await say(socket, 'still here')
    await sleep(500)
    expect(socket.readyState).toBe(WebSocket.OPEN)

    const begun = performance.now()
    await end()
    if (socket.readyState !== WebSocket.CLOSED) await once(socket, 'close')
    return (performance.now() - begun) / 1000
  }

  test('of the revocation of its key', async () => {
    expect(await secondsUntilEnd(revoke)).toBeLessThan(1)
  })

  test('of the disabling of its service', async () => {
    expect(
      await secondsUntilEnd(() => setServices(service, { id: 'ws', target: target(), enabled: false })),
    ).toBeLessThan(1)
  })

  test('of a right that its service asks for from now on', async () => {
    const access = { scopes: ['nobody-has-it'], write_scopes: [], kinds: ['user' as const] }

    expect(
      await secondsUntilEnd(() => setServices(service, { id: 'ws', target: target(), access })),
    ).toBeLessThan(1)
  })

  test('of the end of its key', async () => {
    const { now } = service.clock
    key = await service.createKey('alice', { expires_in: 3600 })

    expect(await secondsUntilEnd(() => service.clock.advance(3600_001))).toBeLessThan(1)
    service.clock.advance(-3600_001)
    expect(now()).toBeLessThan(Date.now() + 1000)
  })

  test('and a stream of events with it', async () => {
    const events = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    })
    await setServices(service, { id: 'events', target: events.url })
    const answer = await fetch(`${service.gatewayUrl}/events`, { headers: { 'x-api-key': key.value } })
    const reader = answer.body?.getReader()
    await reader?.read()
    await sleep(500)

    const begun = performance.now()
    await revoke()
    await expect(reader?.read()).rejects.toThrow()

    expect(performance.now() - begun).toBeLessThan(1000)
    await events.close()
  })

  test('and nothing of what goes on with another key', async () => {
    const other = await service.createKey('bob')
    const socket = await opened(open('/ws', { 'x-api-key': other.value }))

    await revoke()
    await sleep(1200)

    expect(String(await say(socket, 'still here'))).toBe('still here')
    socket.terminate()
  })
})
