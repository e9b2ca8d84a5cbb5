import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { endConnectionsAtClose, type ServerEnd } from '../../src/process/graceful-end.js'
import { openConnection, parseAnswer } from '../support/raw-http.js'
import { startService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream } from '../support/upstream.js'

let app: FastifyInstance
let end: ServerEnd
let port: number
/** More than the kernel takes for a client that does not read. */
const large = Buffer.alloc(20_000_000)
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

beforeEach(async () => {
  app = Fastify({ return503OnClosing: false })
  end = endConnectionsAtClose(app)
  app.get('/quick', async () => 'quick')
  app.get('/large', async () => large)
  app.get('/slow', () => new Promise((resolve) => setTimeout(resolve, 200, 'slow')))
  await app.listen({ port: 0, host: '127.0.0.1' })
  port = Number(new URL(app.listeningOrigin).port)
})
afterEach(() => app.close())

/** Connects and sends its requests from another thread, because this one is too busy to accept any. */
const clients = `
const { parentPort, workerData: { port, count } } = require('node:worker_threads')
const { connect } = require('node:net')
const seen = []
let sent = 0
for (let n = 0; n < count; n += 1) {
  let text = ''
  const socket = connect(port, '127.0.0.1', () => socket.write('GET /quick HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n', () => {
    if (++sent === count) parentPort.postMessage('sent')
  }))
  socket.on('data', (chunk) => { text += chunk }).on('error', () => {}).on('close', () => {
    seen.push(text.slice(9, 12))
    if (seen.length === count) parentPort.postMessage(seen)
  })
}`

test('requests on connections that only the kernel has accepted are answered', async () => {
  const count = 40
  const worker = new Worker(clients, { eval: true, workerData: { port, count } })
  const messages: unknown[] = []
  worker.on('message', (message) => messages.push(message))
  const answers = new Promise<string[]>((resolve) => {
    worker.on('message', (message) => Array.isArray(message) && resolve(message))
  })
  await new Promise((resolve) => worker.once('online', resolve))
  // The loop stands still, as under load: nothing is accepted.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)

  end.announce()
  await end.stopListening()
  await app.close()

  expect(await answers).toEqual(Array(count).fill('200'))
  await worker.terminate()
})

test('once it has stopped listening nobody connects any more', async () => {
  end.announce()
  await end.stopListening()

  const refused = await new Promise<NodeJS.ErrnoException>((resolve) => {
    connect(port, '127.0.0.1').on('error', resolve)
  })
  expect(refused.code).toBe('ECONNREFUSED')
})

test('an announced end is told with each answer, on kept and on new connections, and all is served', async () => {
  const kept = await openConnection(port)
  kept.socket.write(get('/quick'))
  expect(await kept.next('quick')).not.toMatch(/connection: close/i)
  const waiting = await openConnection(port)
  waiting.socket.write(get('/slow'))
  await new Promise((resolve) => setTimeout(resolve, 50))

  end.announce()
  kept.socket.write(get('/quick'))
  const fresh = await openConnection(port)
  fresh.socket.write(get('/quick'))

  for (const connection of [kept, waiting, fresh]) {
    await connection.closed
    const text = connection.received()
    const answer = parseAnswer(text.slice(text.lastIndexOf('HTTP/1.1')))
    expect([answer.status, answer.header('connection')]).toEqual([200, ['close']])
  }
})

test('of several requests on one connection only the last answer says that it is the last', async () => {
  const connection = await openConnection(port)
  connection.socket.write(get('/slow'))
  await new Promise((resolve) => setTimeout(resolve, 50))

  end.announce()
  connection.socket.write(get('/quick') + get('/quick'))
  await connection.closed

  const text = connection.received()
  expect(text.match(/HTTP\/1.1 200/g)).toHaveLength(3)
  expect(text.match(/connection: close/gi)).toHaveLength(1)
  expect(text.slice(text.lastIndexOf('HTTP/1.1'))).toMatch(/connection: close/i)
})

test('a client that never ends the head of its request does not hold the end', async () => {
  const silent = await openConnection(port)
  silent.socket.write('GET /quick HTTP/1.1\r\nHost: a\r\nX-Slow: ')
  const answered = await openConnection(port)
  answered.socket.write(get('/quick'))
  await answered.next('quick')
  answered.socket.write('GET /quick HTTP/1.1\r\n')
  const begun = performance.now()

  end.announce()
  await end.stopListening()
  await app.close()

  expect(performance.now() - begun).toBeLessThan(5000)
  await Promise.all([silent.closed, answered.closed])
})

test('an idle connection ends early, and the answer that a slow client has not taken yet is not cut', async () => {
  const slow = await openConnection(port)
  slow.socket.pause()
  slow.socket.write(get('/large'))
  const idle = await openConnection(port)
  idle.socket.write(get('/quick'))
  await idle.next('quick')

  end.announce()
  await end.stopListening()
  const closing = app.close()
  await idle.closed
  slow.socket.resume()
  await slow.closed
  await closing

  expect(parseAnswer(slow.received()).body).toHaveLength(large.length)
})

test('during the close, all requests that were sent together are answered, and only the last answer says so', async () => {
  const connection = await openConnection(port)
  connection.socket.write(get('/quick'))
  await connection.next('quick')

  end.announce()
  await end.stopListening()
  const closing = app.close()
  await new Promise((resolve) => setTimeout(resolve, 50))
  connection.socket.write(get('/slow') + get('/quick'))
  await connection.closed
  await closing

  const answers = connection.received().split('HTTP/1.1 200').slice(-2)
  expect(answers.map((answer) => /connection: close/i.test(answer))).toEqual([false, true])
  expect(answers.map((answer) => parseAnswer(answer).body)).toEqual(['slow', 'quick'])
})

test('what is under way at the gateway outlives the idle connections, as calls, streams and WebSockets', async () => {
  const upstream = await startUpstream((request, response) => {
    if (request.url === '/quick') response.end('quick')
    else if (request.url === '/late') late.push(response)
    else {
      response.write('begun')
      late.push(response)
    }
  })
  const late: ServerResponse[] = []
  const sockets = new WebSocketServer({ server: upstream.server })
  sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(text)))
  const ends: ServerEnd[] = []
  const prepare = (server: FastifyInstance) => void ends.push(endConnectionsAtClose(server))
  const service = await startService({}, { hasGateway: true, prepare })
  await setServices(service, { id: 's', target: upstream.url })
  const key = await service.createKey('alice')
  const call = async (path: string, more = '') => {
    const connection = await openConnection(Number(new URL(service.gatewayUrl).port))
    connection.socket.write(`GET /s/${path} HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key.value}\r\n${more}\r\n`)
    return connection
  }
  const headers = { 'x-api-key': key.value }
  const webSocket = new WebSocket(`${service.gatewayUrl.replace('http', 'ws')}/s/ws`, { headers })
  await once(webSocket, 'open')
  const stream = await call('events')
  await stream.next('begun')
  const upgrade = await call('late', 'Connection: Upgrade\r\nUpgrade: h2c\r\n')
  const idle = await call('quick')
  await idle.next('quick')
  const headless = await call('quick')
  await headless.next('quick')
  headless.socket.write('GET /s/quick HTTP/1.1\r\n')
  await expect.poll(() => late.length).toBe(2)

  for (const end of ends) end.announce()
  await Promise.all(ends.map((end) => end.stopListening()))
  const closing = service.app.close()
  await idle.closed
  // These are given longer than idle connections.
  await headless.closed
  for (const response of late) response.end('the end')
  webSocket.send('still here')
  const [text] = await once(webSocket, 'message')
  webSocket.terminate()
  await Promise.all([stream.closed, upgrade.closed, closing])

  expect(String(text)).toBe('still here')
  expect(stream.received()).toContain('the end')
  expect(parseAnswer(upgrade.received())).toMatchObject({
    status: 200,
    body: expect.stringContaining('the end'),
  })
  await service.db.close()
  await upstream.close()
})

test('both servers give their last requests as long as the process does', async () => {
  const service = await startService({}, { hasGateway: true })

  // Fastify skips the hooks that end connections behind one that takes longer than this.
  const limits = [service.app, service.gateway].map((server) => server?.initialConfig.pluginTimeout)
  await service.close()

  expect(limits.every((limit) => limit !== undefined && limit > 20_000)).toBe(true)
})
