import { describe, expect, test } from 'vitest'
import { isOwnSubject, ownSubjects, serverSubject } from '../../src/auth/own-subjects.js'
import { isSubject } from '../../src/auth/token-rules.js'

describe('a subject names a person', () => {
  test.each([
    '11111111-1111-4111-8111-111111111111',
    'f:8b2c:alice',
    'auth0|5f7c8ec7c33c6c004bbafe82',
    'alice@example.org',
    'uid=alice, ou=people',
    'Zoë',
    's'.repeat(255),
    'server',
    'Server:abc',
    'a-server:abc',
    'single-user-2',
    '__proto__',
  ])('%j', (sub) => expect(isSubject(sub)).toBe(true))
})

describe('a subject names nobody that could be stored as it is', () => {
  test.each([
    ...['', ' ', '\u00a0', '\u3000', ' alice', 'alice ', '\ufeffalice', 's'.repeat(256)],
    ...['\0', 'a\0b', 'a\nb', 'a\r', '\tb', 'a\u007f', 'a\u0085b', 'a\u2028b', 'a\u2029b', 'a\x1b[2J'],
    ...['\ud800', '\udfff', 'a\udc00\ud800', 'alice\u200b', 'a\u202eb', 'a\u2066b', '\u3164'],
    ...[undefined, null, 5, true, ['a'], { a: 1 }],
  ])('%j', (sub) => expect(isSubject(sub)).toBe(false))
})

describe('a subject that this service gives itself is no person of an identity provider', () => {
  test.each([serverSubject('Zk3vQ9aB'), 'server:', 'server: x', ...Object.values(ownSubjects)])(
    '%j',
    (sub) => {
      expect(isOwnSubject(sub)).toBe(true)
      expect(isSubject(sub)).toBe(false)
    },
  )
})
