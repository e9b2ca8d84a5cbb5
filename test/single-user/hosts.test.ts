import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHostCheck } from '../../src/single-user/hosts.js'
import { sendBytes } from '../support/raw-http.js'
import { type SingleUserService, startSingleUser } from './a-service.js'

describe('a request is meant for this machine', () => {
  const takes = createHostCheck(['http://127.0.0.1:3000', 'http://my-laptop.local:3001'])

  test.each([
    'localhost',
    'localhost:3000',
    'LOCALHOST:1',
    '127.0.0.1:3000',
    '127.8.9.1',
    '[::1]:3000',
    '[::1]',
    'my-laptop.local:3001',
    'My-Laptop.local',
  ])('by the name %s', (host) => {
    expect(takes(host)).toBe(true)
  })

  test.each([
    'evil.example',
    'evil.example:3000',
    'localhost.evil.example',
    '127.0.0.1.evil.example:3000',
    'evil.example:127.0.0.1',
    'localhost@evil.example',
    'my-laptop.local.evil.example',
    '192.0.2.1:3000',
    '0.0.0.0:3000',
    '[::]:3000',
    'localhost.',
    '127.0.0.1,evil.example',
    '',
  ])('and not by "%s"', (host) => {
    expect(takes(host)).toBe(false)
  })
})

describe('a page that lets its own name point here', () => {
  let service: SingleUserService
  beforeAll(async () => {
    service = await startSingleUser({}, { hasGateway: true })
  })
  afterAll(() => service.close())

  const get = (port: number, host: string, path: string, line = '') =>
    sendBytes(port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${line}\r\n`)

  test.each(['/', '/docs', '/docs/json', '/health/live', '/auth/session', '/catalog/', '/nowhere'])(
    'reads nothing at %s',
    async (path) => {
      const answer = await get(service.config.port, `evil.example:${service.config.port}`, path)

      expect(answer.status).toBe(400)
      expect(answer.json.code).toBe('invalid_request')
      expect(answer.body).not.toContain('evil.example')
    },
  )

  test('does nothing with the key itself', async () => {
    const line = `X-API-Key: ${service.key}\r\n`

    expect((await get(service.config.port, 'evil.example', '/me', line)).status).toBe(400)
    expect((await get(service.config.port, 'evil.example', `/?api_key=${service.key}`)).status).toBe(400)
    expect((await get(service.config.port, 'localhost', '/me', line)).status).toBe(200)
  })

  test('reads nothing at the gateway either', async () => {
    const { port = 0 } = service.config.gateway ?? {}

    expect((await get(port, 'evil.example', '/x')).json.code).toBe('invalid_request')
    expect((await get(port, 'evil.example', 'http://127.0.0.1/x')).json.code).toBe('not_found')
    expect((await get(port, '127.0.0.1', 'http://evil.example/x')).json.code).toBe('invalid_request')
    expect((await get(port, '127.0.0.1', '/x')).json.code).toBe('not_found')
  })

  test('is nobody’s business where other machines are let in: their names are the operator’s', async () => {
    const remote = await startSingleUser({
      SINGLE_USER_ALLOW_REMOTE: 'true',
      PUBLIC_URL: 'http://lab.example',
    })
    const answer = await get(remote.config.port, 'lab.example', '/health/live')
    await remote.close()

    expect(answer.status).toBe(200)
  })
})
