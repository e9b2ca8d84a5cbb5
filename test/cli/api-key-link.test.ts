import { afterAll, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'
import { apiKeyCommands } from './api-key-world.js'

let upstream: Upstream
let service: TestService
const run = apiKeyCommands(() => service)
beforeAll(async () => {
  upstream = await startUpstream()
  service = await startService({ KEY_ENCRYPTION_SECRET: 'e'.repeat(32) }, { hasGateway: true })
  await setServices(service, { id: 'tiles', target: upstream.url })
})
afterAll(async () => {
  await service.close()
  await upstream.close()
})

test('link prints the URL alone, and it opens what was asked for', async () => {
  const { id, value } = await service.createKey('alice')

  const byId = await run(`link ${id} /tiles/a.tif --expires-in 10m`)
  const byValue = await run(`link ${value} /tiles --json`)

  const url = byId.out.trimEnd()
  expect(byId).toMatchObject({ exitCode: 0, out: `${url}\n` })
  expect((await fetch(url)).status).toBe(200)
  expect(byId.told).toContain('/tiles/a.tif')
  expect(byId.told).not.toContain(url)
  expect(JSON.parse(byValue.out)).toMatchObject({ path: '/tiles' })
  expect(byValue.told).not.toContain(value)
})

test.each([
  ['link', 64, 'missing required argument'],
  ['link Zk3vQ9aB', 64, 'missing required argument'],
  ['link lk_wrong /tiles', 64, 'neither the id'],
  ['link Zk3vQ9aB /tiles --expires-in soon', 64, 'a whole number'],
  ['link Zk3vQ9aB /tiles', 1, '(not_found)'],
])('%s makes none', async (words, expected, complaint) => {
  const { exitCode, out, told } = await run(words)

  expect({ exitCode, out }).toEqual({ exitCode: expected, out: '' })
  expect(told).toContain(complaint)
})

test('what the service refuses is told in its words', async () => {
  const { id } = await service.createKey('alice')

  const nowhere = await run(`link ${id} /nowhere`)
  const longer = await run(`link ${id} /tiles --expires-in 2d`)

  expect([nowhere.exitCode, longer.exitCode]).toEqual([1, 1])
  expect(nowhere.told).toContain('path is not a path of a service')
  expect(longer.told).toContain('expires_in must be <= 86400')
})
