import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { endConnectionsAtClose, type ServerEnd } from '../../src/process/graceful-end.js'
import { openConnection, parseAnswer } from '../support/raw-http.js'
import { startService } from '../support/service.js'

let app: FastifyInstance
let end: ServerEnd
let port: number
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

beforeEach(async () => {
  app = Fastify({ return503OnClosing: false })
  end = endConnectionsAtClose(app)
  app.get('/quick', async () => 'quick')
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

test('both servers give their last requests as long as the process does', async () => {
  const service = await startService({}, { hasGateway: true })

  // Fastify skips the hooks that end connections behind one that takes longer than this.
  const limits = [service.app, service.gateway].map((server) => server?.initialConfig.pluginTimeout)
  await service.close()

  expect(limits.every((limit) => limit !== undefined && limit > 20_000)).toBe(true)
})
