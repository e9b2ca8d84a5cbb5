import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startIssuer, type TestIssuer } from '../support/failing-issuer.js'
import { startService, type TestService } from '../support/service.js'

let issuer: TestIssuer
let service: TestService
beforeAll(async () => {
  issuer = await startIssuer()
})
afterAll(() => issuer.close())

const start = () =>
  startService({ OIDC_ISSUER: issuer.url, OIDC_CLIENT_SECRET: 'secret', OIDC_MANAGEMENT_CLIENTS: 'latchkey' })

const me = async (claims: Record<string, unknown> = {}) => {
  const authorization = `Bearer ${await issuer.token(service.clock.now, claims)}`
  return service.inject({ url: '/me', headers: { authorization } })
}

describe('while the identity provider fails', () => {
  beforeAll(async () => {
    service = await start()
    service.clock.freeze(new Date())
  })
  afterAll(() => service.close())
  beforeEach(() => {
    issuer.fault = 'none'
    service.clock.advance(2000)
  })

  test.each(['hang-up', 'status-500', 'not-json', 'other-issuer', 'no-jwks'] as const)(
    'nobody can tell whether a token is good: %s',
    async (fault) => {
      issuer.fault = fault
      const answer = await me()

      expect(answer.status).toBe(503)
      expect(answer.json.code).toBe('unavailable')
      expect(answer.headers['retry-after']).toBe('5')
      expect(answer.headers).not.toHaveProperty('www-authenticate')
      expect(answer.body).not.toMatch(/somebody|127\.0\.0\.1|certs|ECONN|fetch/)
    },
  )

  test('what cannot be a token of it is refused all the same', async () => {
    issuer.fault = 'hang-up'
    const asked = { ...issuer.asked }

    for (const authorization of ['Bearer x', `Bearer ${await issuer.token(Date.now, { typ: 'ID' })}`]) {
      const answer = await service.inject({ url: '/me', headers: { authorization } })

      expect(answer.json.code).toBe('invalid_credential')
    }
    expect(issuer.asked).toEqual(asked)
  })

  test('a storm of tokens asks it at most once a second', async () => {
    issuer.fault = 'status-500'
    const { discovery } = issuer.asked
    const answers = await Promise.all(Array.from({ length: 20 }, () => me()))

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]))
    expect(issuer.asked.discovery - discovery).toBeLessThanOrEqual(1)
  })

  test('tokens are good again soon after it is back', async () => {
    issuer.fault = 'status-500'
    expect((await me()).status).toBe(503)

    issuer.fault = 'none'
    service.clock.advance(1000)

    expect((await me()).json).toMatchObject({ login: 'somebody', via: 'oauth2' })
  })

  test('a token that was verified before stays good for its minute, and a new one of a known key too', async () => {
    const authorization = `Bearer ${await issuer.token(service.clock.now)}`
    expect((await service.inject({ url: '/me', headers: { authorization } })).status).toBe(200)

    issuer.fault = 'hang-up'

    expect((await service.inject({ url: '/me', headers: { authorization } })).status).toBe(200)
    expect((await me()).status).toBe(200)
  })
})

test('a key needs no identity provider', async () => {
  issuer.fault = 'none'
  service = await start()
  const made = await service.inject({
    method: 'POST',
    url: '/api-keys',
    headers: { authorization: `Bearer ${await issuer.token(service.clock.now)}` },
    payload: { name: 'first' },
  })

  issuer.fault = 'hang-up'
  const answer = await service.inject({ url: '/me', headers: { 'x-api-key': made.json.value } })

  expect(answer.json).toMatchObject({ login: 'somebody', via: 'api-key' })
  await service.close()
})
