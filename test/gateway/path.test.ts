import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { normalizePath, readTarget } from '../../src/gateway/path.js'

describe('a path', () => {
  test.each([
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a//b', '/a//b'],
    ['/a/', '/a/'],
    ['/%61%7E%2d', '/a~-'],
    ['/a%2fb', '/a%2Fb'],
    ['/a%2Fb%c3%a9', '/a%2Fb%C3%A9'],
    ['/caf\xc3\xa9', '/caf%C3%A9'],
    ['/a;v=1/b', '/a;v=1/b'],
    ['/a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/a/%2e%2E/b', '/b'],
    ['/a/.%2e', '/'],
    ['/a/b/..', '/a/'],
    ['/a/.', '/a/'],
    ['/../../a', '/a'],
    ['/a//../b', '/a/b'],
    ['/a../..b/...', '/a../..b/...'],
    ['/.well-known', '/.well-known'],
    ['/%252e%252e/a', '/%252e%252e/a'],
    ['/a%FF', '/a%FF'],
    ['/a%5cb', '/a%5Cb'],
    ['/a/..%2fb', '/a/..%2Fb'],
    ['/a/%2e%2e;x=1/b', '/a/..;x=1/b'],
  ])('%s is %s', (sent, normal) => {
    expect(normalizePath(sent)).toBe(normal)
  })

  test.each([
    ['a broken escape', '/a%2'],
    ['an escape of no digits', '/a%zz'],
    ['a percent sign at its end', '/a%'],
    ['a backslash', '/a\\b'],
    ['a control character', '/a\x01'],
    ['a line break', '/a\nb'],
    ['a space', '/a b'],
    ['DEL', '/a\x7f'],
    ['a fragment', '/a#b'],
    ['an encoded NUL', '/a%00.txt'],
  ])('is refused for %s', (_fault, sent) => {
    expect(normalizePath(sent)).toBeNull()
  })

  const piece = fc.constantFrom(
    '/',
    '.',
    '..',
    '%2e',
    '%2F',
    '%2f',
    '%5c',
    ';',
    'a',
    '%61',
    '%zz',
    '~',
    '\\',
    '\xe9',
  )
  const path = fc.array(piece, { maxLength: 12 }).map((pieces) => `/${pieces.join('')}`)

  test('is normal once it has been normalised', () => {
    fc.assert(
      fc.property(path, (sent) => {
        const normal = normalizePath(sent)

        expect(normal === null || normalizePath(normal) === normal).toBe(true)
      }),
    )
  })

  test('keeps as many slashes as it has, where it has no dots', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('/', 'a', '%2F', ';'), { maxLength: 12 }), (pieces) => {
        const sent = `/${pieces.join('')}`

        expect(normalizePath(sent)).toBe(sent)
      }),
    )
  })
})

describe('a target', () => {
  test('keeps its query as it was sent', () => {
    expect(readTarget('/a/%2e?b=%2e/../c%zz')).toEqual({
      path: '/a/',
      credential: null,
      query: '?b=%2e/../c%zz',
      authority: null,
    })
  })

  test.each([
    ['http://evil.example/a/b?c', '/a/b', '?c'],
    ['HTTPS://evil.example:1/../a', '/a', ''],
    ['http://evil.example', '/', ''],
    ['http://evil.example?c', '/', '?c'],
  ])('%s in absolute form is routed by its path', (url, path, query) => {
    expect(readTarget(url)).toMatchObject({ path, query })
  })

  test.each([
    ['/k/a.b-c/x/y?z', 'a.b-c', '/x/y'],
    ['/%6b/%61/x', 'a', '/x'],
    ['/x/../k/a/x', 'a', '/x'],
    ['/k/b/../a/x', 'a', '/x'],
    ['/k/a%2Fb%20c/x', 'a/b c', '/x'],
    ['/k/%FF/x', '%FF', '/x'],
    ['/k/a', 'a', '/'],
    ['/k//x', '', '/x'],
    ['http://evil.example/k/a/x', 'a', '/x'],
  ])('%s presents a credential, which is no part of its path', (url, credential, path) => {
    expect(readTarget(url)).toMatchObject({ credential, path })
  })

  test.each(['/k', '/K/a/x', '//k/a/x', '/k%2Fa/x', '/kk/a/x', '/a/k/b/x', '/k/../x', '/k/a/../../x'])(
    '%s presents none',
    (url) => {
      expect(readTarget(url)).toMatchObject({ credential: null })
    },
  )

  test.each(['*', '', 'evil.example:443', 'ftp://evil.example/a', 'http:///a', 'a/b', '?a', '/a?b#c'])(
    '%j is refused',
    (url) => {
      expect(readTarget(url)).toBeNull()
    },
  )
})
