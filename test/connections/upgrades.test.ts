import { afterAll, beforeAll, expect, test } from 'vitest'
import { requestRaw } from '../support/raw-http.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

test.each(['h2c', 'websocket'])(
  'a request to the service that offers %s is answered in HTTP/1.1',
  async (protocol) => {
    const port = Number(new URL(service.url).port)

    const answer = await requestRaw(port, [
      'GET /health/live HTTP/1.1',
      'Connection: Upgrade',
      `Upgrade: ${protocol}`,
    ])

    expect([answer.status, answer.json]).toEqual([200, { status: 'up' }])
  },
)
