import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { openWatchedDatabase, type WatchedDatabase } from '../support/watched-database.js'

let db: WatchedDatabase
let service: TestService
let key: CreatedKey
beforeAll(async () => {
  db = await openWatchedDatabase()
  service = await startService({}, { db, hasGateway: true })
  key = await service.createKey('alice')
})
afterAll(async () => {
  db.isDown = false
  await service.close()
})

/** The lines of faults, not those of answers, that a piece of work leaves. */
async function faultsOf(work: () => Promise<unknown>): Promise<{ msg: string }[]> {
  const from = service.log.length
  await work()
  return service.log
    .slice(from)
    .map((line) => JSON.parse(line))
    .filter(({ level }) => level >= 40)
}

test('a service that is not there is one line, and another service another, however many call them', async () => {
  await setServices(
    service,
    { id: 'away', target: 'http://127.0.0.1:9' },
    { id: 'gone', target: 'http://127.0.0.1:7' },
  )
  const call = (path: string) => fetch(service.gatewayUrl + path, { headers: { 'x-api-key': key.value } })

  const lines = await faultsOf(async () => {
    for (let round = 0; round < 20; round += 1) {
      const answers = await Promise.all(['/away/x', '/gone/y', '/away/z'].map(call))
      expect(answers.map(({ status }) => status)).toEqual([502, 502, 502])
    }
  })

  expect(lines).toEqual([
    expect.objectContaining({ msg: 'a service gave no answer', service: expect.stringMatching(/away|gone/) }),
    expect.objectContaining({ msg: 'a service gave no answer', service: expect.stringMatching(/away|gone/) }),
  ])
})

test.each<[string, string]>([
  ['closes without a word', ''],
  ['answers what is no HTTP', 'garbage\r\n\r\n'],
  ['breaks off half-way', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'],
  ['answers with a status that HTTP does not have', 'HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n'],
])('a service that %s is one line, however many call it', async (what, text) => {
  const broken = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => socket.end(text))
  }).listen(0, '127.0.0.1')
  await once(broken, 'listening')
  const { port } = broken.address() as AddressInfo // Listening on TCP.
  const id = what.replaceAll(/[^a-z]/gi, '-').toLowerCase()
  await setServices(service, { id, target: `http://127.0.0.1:${port}` })
  const call = async () => {
    const answer = await fetch(`${service.gatewayUrl}/${id}`, { headers: { 'x-api-key': key.value } })
    return answer.text()
  }

  const lines = await faultsOf(async () => {
    for (let time = 0; time < 20; time += 1) await call().catch(() => {})
  })

  expect(lines).toEqual([expect.objectContaining({ service: id })])
  broken.close()
})

test('a flood while the database is down writes a line for each fault, and no more', async () => {
  const token = await service.as('alice')
  db.isDown = true
  service.clock.advance(3_600_000)
  let answered = 0
  const lines = await faultsOf(async () => {
    for (let round = 0; round < 40; round += 1) {
      service.clock.advance(1001)
      const answers = await Promise.all([
        service.inject({ url: '/me', headers: { 'x-api-key': key.value } }),
        service.inject({ url: '/api-keys', headers: token }),
        service.inject({ method: 'POST', url: '/api-keys', headers: token, payload: {} }),
        service.inject({ method: 'POST', url: '/api-keys/verify', payload: { value: key.value } }),
      ])
      answered += answers.filter(({ status }) => status === 503 || status === 401).length
    }
  })
  db.isDown = false

  expect(answered).toBe(160)
  expect(lines.length).toBeGreaterThan(0)
  expect(lines.length).toBeLessThan(12)
  const texts = lines.map((line) =>
    JSON.stringify({ ...line, time: 0, reqId: '', err: { ...Object(Reflect.get(line, 'err')), stack: '' } }),
  )
  expect(new Set(texts).size).toBe(texts.length)
})
