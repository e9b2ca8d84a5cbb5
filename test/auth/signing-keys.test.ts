import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startIssuer, type TestIssuer } from '../support/failing-issuer.js'
import { startService, type TestService } from '../support/service.js'

const minuteMs = 60_000

let issuer: TestIssuer
let service: TestService
beforeEach(async () => {
  issuer = await startIssuer()
  service = await startService({ OIDC_ISSUER: issuer.url, OIDC_CLIENT_SECRET: 'secret' })
  service.clock.freeze(new Date())
})
afterEach(async () => {
  issuer.fault = 'none'
  await service.close()
  await issuer.close()
})

/** A token that was not seen before: one that was is remembered for a minute. */
const newToken = () => issuer.token(service.clock.now)
const useToken = async (token: string) =>
  (await service.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })).status
const useNewToken = async () => useToken(await newToken())

/** A token of the same issuer whose key it does not publish. */
async function forgedTokens(count: number): Promise<string[]> {
  const forger = await startIssuer()
  const tokens = await Promise.all(
    Array.from({ length: count }, async () => {
      await forger.rotate()
      return forger.token(service.clock.now, { iss: issuer.url })
    }),
  )
  await forger.close()
  return tokens
}

describe('while the issuer is away', () => {
  test('known signing keys go on serving for an hour, then nobody can tell', async () => {
    expect(await useNewToken()).toBe(200)
    issuer.fault = 'hang-up'

    for (let minutes = 0; minutes < 59; minutes += 1) {
      service.clock.advance(minuteMs)
      expect(await useNewToken()).toBe(200)
    }
    service.clock.advance(minuteMs)

    expect(await useNewToken()).toBe(503)
  })

  test('after more than an hour of it, tokens are good again soon after it is back', async () => {
    expect(await useNewToken()).toBe(200)
    issuer.fault = 'status-500'
    service.clock.advance(120 * minuteMs)
    expect(await useNewToken()).toBe(503)

    issuer.fault = 'none'
    service.clock.advance(1_000)

    expect(await useNewToken()).toBe(200)
  })

  test('it is asked for its keys at most every 30 s', async () => {
    expect(await useNewToken()).toBe(200)
    const before = issuer.asked.jwks
    issuer.fault = 'status-500'

    service.clock.advance(10 * minuteMs)
    for (let seconds = 0; seconds < 90; seconds += 1) {
      expect(await useNewToken()).toBe(200)
      service.clock.advance(1_000)
    }

    expect(issuer.asked.jwks - before).toBe(3)
  })

  test('nobody waits long for one that hangs', async () => {
    expect(await useNewToken()).toBe(200)
    issuer.fault = 'hang'

    service.clock.advance(6 * minuteMs)
    const inBackground = await timed(useNewToken)
    service.clock.advance(4 * minuteMs)
    const waitedFor = await timed(useNewToken)

    expect([inBackground.status, waitedFor.status]).toEqual([200, 200])
    expect(inBackground.tookMs).toBeLessThan(900)
    expect(waitedFor.tookMs).toBeLessThan(3_000)
  })

  test('a key that is not known is neither accepted nor refused', async () => {
    expect(await useNewToken()).toBe(200)
    issuer.fault = 'status-500'
    service.clock.advance(minuteMs)
    const [forged = ''] = await forgedTokens(1)

    expect(await useToken(forged)).toBe(503)
  })
})

describe('a rotated key', () => {
  test('is accepted within 30 s, and without delay when nobody asked just before', async () => {
    expect(await useNewToken()).toBe(200)
    await issuer.rotate()

    service.clock.advance(29_999)
    expect(await useNewToken()).toBe(401)
    service.clock.advance(1)
    expect(await useNewToken()).toBe(200)

    await issuer.rotate()
    service.clock.advance(minuteMs)
    expect(await useNewToken()).toBe(200)
  })

  test('leaves the old one refused within 10 minutes, though the old one is all that comes', async () => {
    const signedBefore = await Promise.all(
      Array.from({ length: 20 }, () => issuer.token(service.clock.now, { exp: 9_999_999_999 })),
    )
    const useNext = async () => useToken(signedBefore.pop() ?? '')
    expect(await useNext()).toBe(200)
    await issuer.rotate()

    const seen: number[] = []
    for (let minutes = 1; minutes <= 10; minutes += 1) {
      service.clock.advance(minuteMs)
      seen.push(await useNext())
    }

    expect(seen.at(0)).toBe(200)
    expect(seen.at(-1)).toBe(401)
  })

  test('leaves the old one refused after a silence in which nobody asked', async () => {
    const old = await issuer.token(service.clock.now, { exp: 9_999_999_999 })
    expect(await useNewToken()).toBe(200)
    await issuer.rotate()

    service.clock.advance(9 * minuteMs)

    expect(await useToken(old)).toBe(401)
  })
})

describe('a flood of unknown keys', () => {
  test.each(['none', 'status-500', 'hang-up', 'not-json', 'hang'] as const)(
    'makes the service ask once in 30 s: %s',
    async (fault) => {
      expect(await useNewToken()).toBe(200)
      const tokens = await forgedTokens(100)
      const before = issuer.asked.jwks
      issuer.fault = fault

      for (let round = 0; round < 2; round += 1) {
        service.clock.advance(30_000)
        const first = await Promise.all(tokens.slice(0, 50).map(useToken))
        service.clock.advance(10_000)
        const later = await Promise.all(tokens.slice(50).map(useToken))
        expect(new Set([...first, ...later])).toEqual(new Set([fault === 'none' ? 401 : 503]))
        expect(await useNewToken()).toBe(200)
      }

      expect(issuer.asked.jwks - before).toBe(2)
    },
  )
})

async function timed(work: () => Promise<number>): Promise<{ status: number; tookMs: number }> {
  const begun = performance.now()
  const status = await work()
  return { status, tookMs: performance.now() - begun }
}
