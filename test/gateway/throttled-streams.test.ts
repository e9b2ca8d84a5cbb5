import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { aForgedValue } from '../keys/requests.js'
import { startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'

let service: TestService
let events: Upstream
beforeAll(async () => {
  service = await startService({ REFUSED_RATE_PER_MINUTE: '3' }, { hasGateway: true })
  events = await startUpstream((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
  })
  await setServices(service, { id: 'events', target: events.url })
})
afterAll(async () => {
  await events.close()
  await service.close()
})

const get = (value: string) =>
  fetch(`${service.gatewayUrl}/events`, {
    headers: { 'x-api-key': value },
    signal: AbortSignal.timeout(5000),
  })

test('whoever makes their address wait by guessing does not keep the stream of a revoked key', async () => {
  const key = await service.createKey('alice')
  const reader = (await get(key.value)).body?.getReader()
  await reader?.read()
  const statuses: number[] = []
  for (const id of ['aaaaaaaa', 'bbbbbbbb', 'cccccccc', 'dddddddd'])
    statuses.push((await get(aForgedValue(id))).status)
  expect(statuses).toEqual([401, 401, 401, 429])
  await sleep(500)

  const begun = performance.now()
  const headers = await service.as('alice')
  const url = `/api-keys/${key.id}/revoke`
  await service.inject({ method: 'POST', url, headers, payload: {}, remoteAddress: '192.0.2.7' })
  await expect(reader?.read()).rejects.toThrow()

  expect(performance.now() - begun).toBeLessThan(1000)
})
