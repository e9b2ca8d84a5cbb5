import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { requestRaw } from '../support/raw-http.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let behindProxy: TestService
beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '1000' })
  behindProxy = await startService({ TRUST_PROXY: '127.0.0.1, 10.0.0.0/8', MAX_KEYS_PER_USER: '1000' })
})
afterAll(async () => {
  await service.close()
  await behindProxy.close()
})

async function codeOf(
  where: TestService,
  bounds: Record<string, unknown>,
  call: { headers?: Record<string, string>; remoteAddress?: string },
): Promise<string> {
  const { value } = await where.createKey('alice', bounds)
  const { headers = {}, ...rest } = call
  const answer = await where.inject({ url: '/me', headers: { ...headers, 'x-api-key': value }, ...rest })
  if (answer.status !== 200) {
    expect(answer.status).toBe(403)
    expect(answer.body).not.toMatch(/alice|portal\.example|192\.0\.2/)
  }
  return answer.json.code ?? answer.json.login
}

const portal = { allowed_referers: ['portal.example'] }
const wild = {
  allowed_referers: ['*.example.org', 'Portal.Example:8443', 'secure.example:443', 'localhost:3000'],
}

describe('a key bound to referers', () => {
  test.each<[string, object, Record<string, string>]>([
    ['from the origin it names', portal, { origin: 'https://portal.example' }],
    ['from a page below it', portal, { referer: 'https://portal.example/a?b#c' }],
    ['from any port of it', portal, { origin: 'https://portal.example:8443' }],
    ['over either scheme', portal, { origin: 'http://portal.example' }],
    ['in any case of the host', portal, { referer: 'HTTPS://PORTAL.EXAMPLE/' }],
    ['from below a wildcard', wild, { origin: 'https://a.example.org' }],
    ['from deep below a wildcard', wild, { origin: 'https://a.b.example.org:1' }],
    ['from the port it names', wild, { origin: 'https://portal.example:8443' }],
    ['from the port it names, which the browser leaves out', wild, { origin: 'https://secure.example' }],
    [
      'when the origin is allowed and the referer is of another page',
      portal,
      { origin: 'https://portal.example', referer: 'https://evil.example/' },
    ],
  ])('works %s', async (_from, bounds, headers) => {
    expect(await codeOf(service, { ...bounds }, { headers })).toBe('alice')
  })

  test.each<[string, object, Record<string, string>]>([
    ['without Origin and Referer', portal, {}],
    ['from another site', portal, { origin: 'https://evil.example' }],
    ['from another site that has it in its name', portal, { origin: 'https://portal.example.evil.example' }],
    ['from a site that ends as it does', portal, { origin: 'https://evilportal.example' }],
    ['from below it', portal, { origin: 'https://sub.portal.example' }],
    [
      'from a page that only mentions it',
      portal,
      { referer: 'https://evil.example/portal.example?https://portal.example' },
    ],
    ['from a page with it before an @', portal, { referer: 'https://portal.example@evil.example/' }],
    ['from an opaque origin', portal, { origin: 'null' }],
    [
      'from an opaque origin, though the referer is allowed',
      portal,
      { origin: 'null', referer: 'https://portal.example/' },
    ],
    [
      'from another origin, though the referer is allowed',
      portal,
      { origin: 'https://evil.example', referer: 'https://portal.example/' },
    ],
    ['with something that is no URL', portal, { origin: 'portal.example' }],
    ['with an empty Origin', portal, { origin: '' }],
    ['with two origins', portal, { origin: 'https://portal.example https://portal.example' }],
    ['from the wildcard itself', wild, { origin: 'https://example.org' }],
    ['from a site that ends as the wildcard does', wild, { origin: 'https://evilexample.org' }],
    ['from another port than named', wild, { origin: 'https://portal.example:8444' }],
    ['from the usual port where another is named', wild, { origin: 'https://portal.example' }],
    ['from the usual port of the other scheme', wild, { origin: 'http://secure.example' }],
    ['from a file', portal, { origin: 'file://' }],
  ])('is refused %s', async (_from, bounds, headers) => {
    expect(await codeOf(service, { ...bounds }, { headers })).toBe('referer_not_allowed')
  })
})

describe('a key bound to addresses', () => {
  test.each<[string, string[], string]>([
    ['an address', ['192.0.2.7'], '192.0.2.7'],
    ['an address written as IPv6', ['192.0.2.7'], '::ffff:192.0.2.7'],
    ['an address written as IPv6 in hexadecimal', ['192.0.2.7'], '::ffff:c000:207'],
    ['a range', ['198.51.100.1', '192.0.2.0/24'], '192.0.2.255'],
    ['a range, written as IPv6', ['192.0.2.0/24'], '::FFFF:192.0.2.1'],
    ['every IPv4 address', ['0.0.0.0/0'], '203.0.113.9'],
    ['an IPv6 address in another spelling', ['2001:db8::1'], '2001:0DB8:0:0:0:0:0:1'],
    ['an IPv6 range', ['2001:db8:1::/48'], '2001:db8:1:ffff::2'],
    ['a range whose host bits are set', ['192.0.2.77/24'], '192.0.2.1'],
  ])('works from %s', async (_from, allowed_ips, remoteAddress) => {
    expect(await codeOf(service, { allowed_ips }, { remoteAddress })).toBe('alice')
  })

  test.each<[string, string[], string]>([
    ['the next address', ['192.0.2.7'], '192.0.2.8'],
    ['beyond the range', ['192.0.2.0/24'], '192.0.3.0'],
    ['beyond the range, written as IPv6', ['192.0.2.0/24'], '::ffff:192.0.3.0'],
    ['IPv6 where any IPv4 is allowed', ['0.0.0.0/0'], '2001:db8::1'],
    ['beyond the IPv6 range', ['2001:db8:1::/48'], '2001:db8:2::'],
    ['an address that only begins as an allowed one', ['192.0.2.1'], '192.0.2.10'],
    ['an address of this link', ['192.0.2.1'], 'fe80::1%eth0'],
    ['no address at all', ['192.0.2.1'], 'unknown'],
  ])('is refused from %s', async (_from, allowed_ips, remoteAddress) => {
    expect(await codeOf(service, { allowed_ips }, { remoteAddress })).toBe('address_not_allowed')
  })

  test('is not opened by a header that anybody can send', async () => {
    const { value } = await service.createKey('alice', { allowed_ips: ['192.0.2.7'] })
    for (const header of [
      'X-Forwarded-For: 192.0.2.7',
      'X-Real-IP: 192.0.2.7',
      'Forwarded: for=192.0.2.7',
      'True-Client-IP: 192.0.2.7',
    ]) {
      const answer = await requestRaw(service.config.port, [
        'GET /me HTTP/1.1',
        `X-API-Key: ${value}`,
        header,
      ])

      expect(answer.json.code).toBe('address_not_allowed')
    }
  })
})

describe('behind a trusted proxy', () => {
  const from = (remoteAddress: string, forwardedFor: string) => ({
    remoteAddress,
    headers: { 'x-forwarded-for': forwardedFor },
  })
  const allowed = { allowed_ips: ['192.0.2.7'] }

  test('the address that the proxy tells counts', async () => {
    expect(await codeOf(behindProxy, allowed, from('127.0.0.1', '192.0.2.7'))).toBe('alice')
    expect(await codeOf(behindProxy, allowed, from('127.0.0.1', '192.0.2.7, 10.1.1.1'))).toBe('alice')
    expect(await codeOf(behindProxy, allowed, from('::ffff:127.0.0.1', '192.0.2.7'))).toBe('alice')
  })

  test('what a client adds before it does not', async () => {
    for (const call of [
      from('127.0.0.1', '192.0.2.7, 198.51.100.1'),
      from('127.0.0.1', '192.0.2.7, 198.51.100.1, 10.1.1.1'),
      from('198.51.100.1', '192.0.2.7'),
      from('127.0.0.1', '192.0.2.7, garbage'),
      from('127.0.0.1', ''),
    ]) {
      expect(await codeOf(behindProxy, allowed, call)).toBe('address_not_allowed')
    }
  })
})
