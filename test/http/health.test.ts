import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startIssuer, type TestIssuer } from '../support/failing-issuer.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'

test('the service is live and ready, for everybody', async () => {
  const service = await startService()
  for (const url of ['/health/live', '/health/ready']) {
    for (const headers of [{}, { 'x-api-key': 'wrong' }]) {
      const answer = await service.inject({ url, headers })

      expect(answer.status).toBe(200)
      expect(answer.json).toEqual({ status: 'up' })
    }
  }
  await service.close()
})

test('without its database it lives, is not ready, and names what is missing', async () => {
  const service = await startService()
  await service.db.close()
  const ready = await service.inject({ url: '/health/ready' })

  expect((await service.inject({ url: '/health/live' })).status).toBe(200)
  expect(ready.status).toBe(503)
  expect(ready.json).toMatchObject({ code: 'unavailable', detail: 'Missing: database.' })
  expect(ready.headers['retry-after']).toBe('5')
  expect(ready.body).not.toMatch(/pool|postgres|pglite|Error/i)
  await service.app.close().catch(() => {})
})

test('without its identity provider it is not ready either, and is again once that is back', async () => {
  const issuer = await startIssuer()
  const service = await startService({ OIDC_ISSUER: issuer.url, OIDC_CLIENT_SECRET: 'secret' })
  const ready = () => service.inject({ url: '/health/ready' })
  expect((await ready()).status).toBe(200)

  issuer.fault = 'status-500'
  service.clock.advance(5000)
  expect((await ready()).json.detail).toBe('Missing: issuer.')
  issuer.fault = 'none'
  service.clock.advance(5000)
  expect((await ready()).status).toBe(200)

  issuer.fault = 'hang-up'
  await service.db.close()
  service.clock.advance(5000)
  expect((await ready()).json.detail).toBe('Missing: database, issuer.')
  await service.app.close().catch(() => {})
  await issuer.close()
})

test('however many ask, it looks once a second', async () => {
  const issuer = await startIssuer()
  const service = await startService({ OIDC_ISSUER: issuer.url, OIDC_CLIENT_SECRET: 'secret' })
  // At its start it asks by itself: whether the issuer is there, and where its people are looked up.
  await expect.poll(() => issuer.asked.discovery).toBe(2)
  service.clock.freeze('2030-01-01T00:00:00.000Z')
  await Promise.all(Array.from({ length: 20 }, () => service.inject({ url: '/health/ready' })))
  expect(issuer.asked.discovery).toBe(3)

  service.clock.advance(1000)
  await Promise.all(Array.from({ length: 20 }, () => service.inject({ url: '/health/ready' })))
  await expect.poll(() => issuer.asked.discovery).toBe(4)
  await service.close()
  await issuer.close()
})

describe('an identity provider that takes connections and says nothing', () => {
  let issuer: TestIssuer
  let service: TestService
  let limit: AbortController
  beforeEach(async () => {
    issuer = await startIssuer()
    limit = new AbortController()
    const settings = { OIDC_ISSUER: issuer.url, OIDC_CLIENT_SECRET: 'secret' }
    service = await startService(settings, { timeout: () => limit.signal })
  })
  afterEach(async () => {
    await service.app.close().catch(() => {})
    await service.db.close()
    await issuer.close()
  })
  const ready = () => service.inject({ url: '/health/ready' })

  test('keeps no balancer waiting: the last answer serves until its time is over', async () => {
    expect((await ready()).status).toBe(200)
    issuer.fault = 'hang'
    service.clock.advance(1000)

    expect((await ready()).status).toBe(200)
    limit.abort()
    await expect.poll(async () => (await ready()).json.detail).toBe('Missing: issuer.')
  })

  test('does not hide that the database has gone', async () => {
    expect((await ready()).status).toBe(200)
    issuer.fault = 'hang'
    service.clock.advance(1000)
    await ready()
    await service.db.close()
    service.clock.advance(1000)

    await expect.poll(async () => (await ready()).json.detail).toBe('Missing: database.')
  })

  test('does not hide that the process is ending', async () => {
    issuer.fault = 'hang'
    const before = issuer.asked.discovery
    const asked = ready()
    await expect.poll(() => issuer.asked.discovery).toBeGreaterThan(before)

    service.app.announceEnd()
    limit.abort()

    expect((await asked).json.detail).toBe('This process is ending.')
  })
})

test('a start without the identity provider is told once in the log, and works', async () => {
  const issuer = await startIssuer()
  issuer.fault = 'status-500'
  const service = await startService({
    OIDC_ISSUER: issuer.url,
    OIDC_CLIENT_SECRET: 'secret',
    KEY_ENCRYPTION_SECRET: 'secret-of-at-least-32-characters',
  })
  const warnings = () => service.log.filter((line) => line.includes('"level":40'))

  await expect.poll(warnings).toHaveLength(1)
  expect(warnings()[0]).toContain('does not answer: issuer;')
  expect(warnings()[0]).not.toMatch(/secret|stack/)
  expect((await service.inject({ url: '/health/live' })).status).toBe(200)
  await service.close()
  await issuer.close()
})

test('a start with all that it needs warns of nothing', async () => {
  const issuer = await startIssuer()
  const service = await startService({ OIDC_ISSUER: issuer.url, OIDC_CLIENT_SECRET: 'secret' })

  await expect.poll(() => issuer.asked.discovery).toBe(2)
  await service.inject({ url: '/health/ready' })
  expect(service.log.filter((line) => line.includes('does not answer'))).toEqual([])
  await service.close()
  await issuer.close()
})

describe('readiness at the gateway', () => {
  const question = '/health/ready'
  let service: TestService
  let upstream: Upstream
  let key: CreatedKey
  beforeAll(async () => {
    upstream = await startUpstream()
    service = await startService({}, { hasGateway: true })
    key = await service.createKey('alice')
  })
  afterAll(async () => {
    await service.close()
    await upstream.close()
  })

  test('is answered for everybody, and is gone once the end is announced, while all else goes on', async () => {
    await setServices(service, { id: 's', target: upstream.url })
    const ask = async () => {
      const answers = await Promise.all([service.url, service.gatewayUrl].map((url) => fetch(url + question)))
      return Promise.all(answers.map(async (answer) => [answer.status, await answer.json()]))
    }
    expect(await ask()).toEqual(Array(2).fill([200, { status: 'up' }]))
    expect(service.log.join('')).not.toContain(question)

    service.app.announceEnd()

    const fault = { code: 'unavailable', detail: 'This process is ending.' }
    expect(await ask()).toMatchObject(Array(2).fill([503, fault]))
    const call = await fetch(`${service.gatewayUrl}/s`, { headers: { 'x-api-key': key.value } })
    expect(call.status).toBe(200)
    expect((await fetch(`${service.url}/health/live`)).status).toBe(200)
  })

  test.each(['/health', question, '/'])('leaves the path to a service at %s', async (prefix) => {
    upstream.seen.length = 0
    await setServices(service, { id: 'health', prefix, target: upstream.url, strip_prefix: false })

    const stranger = await fetch(service.gatewayUrl + question)
    const caller = await fetch(service.gatewayUrl + question, { headers: { 'x-api-key': key.value } })

    expect([stranger.status, caller.status]).toEqual([401, 200])
    expect(upstream.seen.map(({ url }) => url)).toEqual([question])
  })

  test.each([
    ['POST', question],
    ['GET', '/health/ready/x'],
    ['GET', '/health/live'],
  ])('is nothing else: %s %s is unknown', async (method, path) => {
    await setServices(service)

    expect((await fetch(service.gatewayUrl + path, { method })).status).toBe(404)
  })
})
