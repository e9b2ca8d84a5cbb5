import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

/** Sends a request and resets the connection before the answer, as a phone in a tunnel does. */
async function sendAndReset(headers: string[]): Promise<void> {
  const socket = connect(service.config.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`GET /me HTTP/1.1\r\nHost: x\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`)
  socket.resetAndDestroy()
}

test('requests whose sender is gone are counted for nobody, and keep no count of others from being written', async () => {
  const gone = await service.createKey('alice')
  const other = await service.createKey('alice')
  await service.inject({ url: '/me', headers: { 'x-api-key': gone.value } })
  for (let at = 0; at < 20; at++) await sendAndReset([`X-API-Key: ${gone.value}`])
  await sleep(200)

  await service.inject({ url: '/me', headers: { 'x-api-key': other.value } })
  const usage = async () => {
    const { json } = await service.inject({
      url: `/api-keys/${other.id}`,
      headers: await service.as('alice'),
    })
    return json.usage.total
  }

  await expect.poll(usage, { timeout: 3000 }).toBe(1)
  expect(service.log.filter((line) => line.includes('"level":50'))).toEqual([])
})

test('requests whose sender is gone are no error, whatever they present', async () => {
  for (const header of ['X-API-Key: lk_00000000_0', 'Authorization: Bearer x.y.z', 'Authorization: Basic x'])
    for (let at = 0; at < 5; at++) await sendAndReset([header])
  await sleep(200)

  expect(service.log.filter((line) => line.includes('"level":50'))).toEqual([])
})
