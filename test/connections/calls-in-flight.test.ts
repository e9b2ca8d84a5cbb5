import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { limitCallsInFlight } from '../../src/connections/calls-in-flight.js'
import { openConnection } from '../support/raw-http.js'

let app: FastifyInstance
let port: number
let inFlight = 0
let most = 0
let served = 0
/** Answers the calls that wait, in their order. */
let answers: (() => void)[] = []

beforeEach(async () => {
  inFlight = most = served = 0
  answers = []
  app = Fastify()
  limitCallsInFlight(app)
  app.get('/now/:n', async (request) => (request.params as { n: string }).n)
  app.post('/body', async (request) => request.body)
  app.get('/wait/:n', async (request, reply) => {
    inFlight += 1
    most = Math.max(most, inFlight)
    // Ahead of the one that begins the next call.
    reply.raw.prependOnceListener('close', () => {
      inFlight -= 1
    })
    await new Promise<void>((resolve) => answers.push(resolve))
    served += 1
    return `<${(request.params as { n: string }).n}>`
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  port = Number(new URL(app.listeningOrigin).port)
})
afterEach(async () => {
  app.server.closeAllConnections()
  await app.close()
})

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
const many = (count: number, path: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => get(path(n))).join('')

test('at most four calls of one connection are under way, and all are answered, in their order', async () => {
  const connection = await openConnection(port)
  connection.socket.write(many(300, (n) => `/wait/${n}`))

  await expect.poll(() => answers.length).toBe(4)
  while (served < 300) {
    for (const answer of answers.splice(0)) answer()
    await new Promise((resolve) => setImmediate(resolve))
  }

  await expect.poll(() => connection.received().match(/<\d+>/g)?.length).toBe(300)
  expect(connection.received().match(/<\d+>/g)).toEqual(Array.from({ length: 300 }, (_, n) => `<${n}>`))
  expect(most).toBe(4)
})

test('a connection whose calls wait is not read, however much is sent', async () => {
  const connection = await openConnection(port)
  const sent = many(1000, (n) => `/wait/${n}`)
  let requests = 0
  app.server.on('request', () => {
    requests += 1
  })

  for (let times = 0; times < 400; times += 1) connection.socket.write(sent)
  await expect.poll(() => answers.length).toBe(4)
  await new Promise((resolve) => setTimeout(resolve, 300))

  // What was read at once: 64 kB, and not the 20 MB.
  expect(requests).toBeLessThan(2500)
})

test('calls of other connections are answered meanwhile', async () => {
  const flood = await openConnection(port)
  flood.socket.write(many(300, (n) => `/wait/${n}`))
  await expect.poll(() => answers.length).toBe(4)

  const answer = await fetch(`http://127.0.0.1:${port}/now/1`)

  expect(await answer.text()).toBe('1')
})

test('bodies and calls mixed on one connection arrive whole', async () => {
  const connection = await openConnection(port)
  const body = JSON.stringify({ text: 'b'.repeat(20_000) })
  const post = `POST /body HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const last = get('/now/last').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')

  connection.socket.write((post + get('/now/1')).repeat(30) + last)
  await connection.closed

  expect(connection.received().match(/HTTP\/1.1 200/g)).toHaveLength(61)
  expect(connection.received().split(body)).toHaveLength(31)
})

test('a client that goes away while its calls wait is noticed', async () => {
  const closed = vi.fn()
  app.server.on('connection', (socket) => socket.on('close', closed))
  const connection = await openConnection(port)
  connection.socket.write(many(300, (n) => `/wait/${n}`))
  await expect.poll(() => answers.length).toBe(4)

  connection.socket.destroy()

  await expect.poll(() => closed.mock.calls.length, { timeout: 5000 }).toBe(1)
  for (const answer of answers.splice(0)) answer()
  await new Promise((resolve) => setTimeout(resolve, 50))
  // None of those that waited was begun for nobody.
  expect(answers).toEqual([])
})
