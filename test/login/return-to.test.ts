import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readReturnTo } from '../../src/login/return-to.js'
import { anyCharacter } from '../support/any-character.js'

const site = 'https://latchkey.example'

test.each([
  ['/', '/'],
  ['/docs', '/docs'],
  ['/docs?x=1#/API-Key', '/docs?x=1#/API-Key'],
  ['/a/../docs', '/docs'],
  ['/docs?next=//evil.example', '/docs?next=//evil.example'],
  ['/é', '/%C3%A9'],
  [`/${'x'.repeat(999)}`, `/${'x'.repeat(999)}`],
])('a path of this site is kept: %s', (wanted, path) => {
  expect(readReturnTo(wanted)).toBe(path)
})

test.each([
  undefined,
  '',
  'docs',
  '//evil.example',
  '///evil.example',
  '/\\evil.example',
  '\\\\evil.example',
  '/\t/evil.example',
  '/\n/evil.example',
  '\t//evil.example',
  '/.//evil.example',
  '/a/..//evil.example',
  '/%2e//evil.example',
  '/.\\/evil.example',
  'https://evil.example',
  'https:/evil.example',
  'javascript:alert(1)',
  ' /docs',
  '@evil.example',
  '//user@evil.example:443/x',
  '/'.repeat(3),
  `/${'x'.repeat(1000)}`,
  `/${'é'.repeat(400)}`,
])('anything else leads to the start page: %j', (wanted) => {
  expect(readReturnTo(wanted)).toBe('/')
})

const nasty = fc.oneof(
  fc.string({ unit: anyCharacter }),
  fc.webUrl(),
  fc
    .array(
      fc.constantFrom(
        '/',
        '\\',
        '.',
        '..',
        '%2e',
        '%2f',
        '%5c',
        '\t',
        '\r\n',
        '@',
        ':',
        '?',
        '#',
        'evil.example',
        'a',
      ),
      { maxLength: 12 },
    )
    .map((parts) => `/${parts.join('')}`),
)

test('wherever one asks to go, a browser stays on this site and the answer is one header line', () => {
  fc.assert(
    fc.property(nasty, (wanted) => {
      const path = readReturnTo(wanted)

      expect(path.startsWith('/')).toBe(true)
      // As a relative and as an absolute address: whichever a redirect writes.
      expect(new URL(path, site).origin).toBe(site)
      expect(new URL(site + path).origin).toBe(site)
      expect(path).toMatch(/^[!-~]*$/)
      expect(path.length).toBeLessThanOrEqual(1000)
      expect(readReturnTo(path)).toBe(path)
    }),
    { numRuns: 2000 },
  )
})
