import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compilePrefixes } from '../../src/services/match.js'

const compile = (...prefixes: string[]) => compilePrefixes(prefixes.map((prefix) => [prefix, prefix]))

describe('a path is matched', () => {
  const match = compile('/a', '/a/b/c', '/deep/er')

  test.each([
    ['/a', '/a'],
    ['/a/', '/a'],
    ['/a/x', '/a'],
    ['/a//x', '/a'],
    ['/a/b', '/a'],
    ['/a/b/', '/a'],
    ['/a/b/cd', '/a'],
    ['/a/b/c', '/a/b/c'],
    ['/a/b/c/d/e', '/a/b/c'],
    ['/deep/er/', '/deep/er'],
  ])('%s by the longest prefix of whole segments', (path, prefix) => {
    expect(match(path)).toBe(prefix)
  })

  test.each([
    '',
    '/',
    'a',
    '/ab',
    '/A',
    '//a',
    '/a;x=1',
    '/a%2Fb',
    '/%61',
    '/deep',
    '/deep/',
    '/deep//er',
    '/deep/er%2F',
    '*',
  ])('%j by none', (path) => {
    expect(match(path)).toBeNull()
  })

  test('by the root where nothing else is, and by nothing where there is no root', () => {
    const withRoot = compile('/', '/a')

    expect([withRoot('/'), withRoot('/x'), withRoot('/a/x'), withRoot('//a')]).toEqual(['/', '/', '/a', '/'])
    expect(compile()('/')).toBeNull()
  })
})

test('as by comparing it with every prefix', () => {
  const segment = fc.constantFrom('a', 'b', 'ab', '')
  const path = fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join('/')}`)
  const prefix = fc
    .array(fc.constantFrom('a', 'b', 'ab'), { maxLength: 3 })
    .map((segments) => `/${segments.join('/')}`)

  fc.assert(
    fc.property(fc.uniqueArray(prefix), path, (prefixes, asked) => {
      const holds = prefixes.filter((one) => `${asked}/`.startsWith(one === '/' ? '/' : `${one}/`))
      const longest = holds.sort((one, other) => other.length - one.length)[0] ?? null
      expect(compile(...prefixes)(asked)).toBe(longest)
    }),
  )
})

test('a path of very many segments costs no more than a short one', () => {
  const match = compile('/a/b')
  const long = `/a/b${'/x'.repeat(500_000)}`
  const startedAt = performance.now()

  for (let round = 0; round < 1000; round++) match(long)

  expect(performance.now() - startedAt).toBeLessThan(500)
})
