import { describe, expect, test } from 'vitest'
import { comesFromAllowedHost } from '../../src/auth/bounds.js'

describe('a page may use a key bound to hosts', () => {
  test.each([
    ['that name its host', { origin: 'https://portal.example' }, 'portal.example'],
    ['in another case than it does', { origin: 'https://portal.example' }, 'Portal.EXAMPLE'],
    ['whatever its port', { origin: 'https://portal.example:8443' }, 'portal.example'],
    ['by its Referer, where there is no Origin', { referer: 'http://portal.example/a?b' }, 'portal.example'],
    ['that name its port', { origin: 'http://portal.example:3000' }, 'portal.example:3000'],
    ['that name the port which https leaves out', { origin: 'https://portal.example' }, 'portal.example:443'],
    ['that name the port which http leaves out', { origin: 'http://portal.example' }, 'portal.example:80'],
    ['below a wildcard', { origin: 'https://a.b.example.org' }, '*.example.org'],
    ['below a wildcard, on its port', { origin: 'https://a.example.org:8443' }, '*.example.org:8443'],
  ])('%s', (_case, headers, pattern) => {
    expect(comesFromAllowedHost(headers, ['first.example', pattern, 'last.example'])).toBe(true)
  })
})

describe('a page may not use a key bound to hosts', () => {
  test.each([
    ['when it does not say where it is', {}, 'portal.example'],
    ['when what it says is no URL', { origin: 'portal.example' }, 'portal.example'],
    ['when its origin is opaque', { origin: 'null' }, 'portal.example'],
    ['of another host', { origin: 'https://evil.example' }, 'portal.example'],
    ['of a host that ends as one of them', { origin: 'https://evilportal.example' }, 'portal.example'],
    ['of a host that begins as one of them', { origin: 'https://portal.example.evil' }, 'portal.example'],
    ['below one that is no wildcard', { origin: 'https://a.portal.example' }, 'portal.example'],
    ['of the wildcard itself', { origin: 'https://example.org' }, '*.example.org'],
    ['of a host that ends as the wildcard does', { origin: 'https://evilexample.org' }, '*.example.org'],
    ['of another port', { origin: 'https://portal.example:8443' }, 'portal.example:443'],
    ['of the usual port of the other scheme', { origin: 'http://portal.example' }, 'portal.example:443'],
    [
      'whose Referer is allowed but whose Origin is not',
      { origin: 'https://evil.example', referer: 'https://portal.example/' },
      'portal.example',
    ],
    ['without a host, even where every suffix is allowed', { origin: 'file:///portal.example' }, ''],
  ])('%s', (_case, headers, pattern) => {
    expect(comesFromAllowedHost(headers, [pattern])).toBe(false)
  })

  test('when no host is allowed', () => {
    expect(comesFromAllowedHost({ origin: 'https://portal.example' }, [])).toBe(false)
  })
})
