import type { IncomingMessage } from 'node:http'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readCredential, removeQueryKey } from '../../src/auth/credentials.js'

const read = (rawHeaders: string[], url = '/', readsQuery = false) =>
  readCredential({ rawHeaders, url } as unknown as IncomingMessage, 'lk_', readsQuery)

const headerName = fc.oneof(
  fc.constantFrom('X-API-Key', 'x-api-key', 'Authorization', 'AUTHORIZATION', 'Host', 'Cookie', 'X_API_KEY'),
  fc.string({ minLength: 1, maxLength: 20 }),
)
const word = fc.oneof(
  fc.string(),
  fc.constantFrom('lk_x', 'Bearer', 'Apikey', '', ' ', '\t', '\u00a0', '%', '%zz', '+'),
)
const headerValue = fc.array(word, { maxLength: 4 }).map((words) => words.join(' '))
const headers = fc.array(fc.tuple(headerName, headerValue), { maxLength: 8 })
const queryName = fc.oneof(fc.constantFrom('api_key', 'api-key', 'api%5Fkey', 'API_KEY', 'q'), fc.string())
const url = fc
  .array(fc.tuple(queryName, word), { maxLength: 4 })
  .map((members) => `/?${members.map(([name, value]) => `${name}=${value}`).join('&')}`)

test('whatever is sent, reading it never fails, and never yields what was not sent', () => {
  fc.assert(
    fc.property(headers, url, fc.boolean(), (sent, url, readsQuery) => {
      const credential = read(sent.flat(), url, readsQuery)

      if (credential.kind === 'token')
        expect(sent.some(([, value]) => value.includes(credential.token))).toBe(true)
      if (credential.kind !== 'key') return
      if (credential.form === 'query') {
        expect(readsQuery).toBe(true)
        expect([...new URLSearchParams(url.slice(2)).values()]).toContain(credential.value)
      } else expect(sent.some(([, value]) => value.includes(credential.value))).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

test('whatever surrounds it, one X-API-Key is read as it was sent', () => {
  const others = headers.map((all) => all.filter(([name]) => !/^(x-api-key|authorization)$/i.test(name)))
  fc.assert(
    fc.property(others, others, fc.stringMatching(/^[!-~]{1,60}$/), (before, after, value) => {
      const credential = read([...before, ['X-Api-Key', value], ...after].flat())

      expect(credential).toEqual(expect.objectContaining({ kind: 'key', value }))
    }),
  )
})

test('whatever their values, two headers of one credential are malformed', () => {
  fc.assert(
    fc.property(fc.constantFrom('X-API-Key', 'Authorization'), word, word, (name, one, other) => {
      expect(read([name, one, name.toLowerCase(), other]).kind).toBe('malformed')
    }),
  )
})

test('a key in the URL is no credential where the route does not read it', () => {
  fc.assert(
    fc.property(url, (url) => {
      expect(read([], url)).toEqual({ kind: 'none' })
    }),
  )
})

test('a token of the scheme Bearer is never taken for a key unless it begins as one', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[!-~]{1,40}$/), (text) => {
      const { kind } = read(['authorization', `Bearer ${text}`])

      expect(kind).toBe(text.startsWith('lk_') ? 'key' : 'token')
    }),
  )
})

const key = (value: string, form = 'x-api-key') => ({ kind: 'key', value, form })
const token = (value: string) => ({ kind: 'token', token: value, form: 'bearer' })

describe('a request presents', () => {
  test.each<[string, string[], object]>([
    ['a key in X-API-Key', ['X-API-Key', 'lk_x'], key('lk_x')],
    ['a key in X-API-Key without what surrounds it', ['X-API-Key', ' \tlk_x \t'], key('lk_x')],
    ['a key that is empty', ['X-API-Key', ''], key('')],
    ['a key by the scheme Apikey', ['Authorization', 'APIKEY   other'], key('other', 'apikey')],
    ['a key by the scheme Bearer', ['Authorization', ' bearer  lk_x '], key('lk_x', 'bearer')],
    ['a token by the scheme Bearer', ['Authorization', 'Bearer xlk_'], token('xlk_')],
    ['a key before a token', ['Authorization', 'Bearer t', 'X-API-Key', 'lk_x'], key('lk_x')],
    ['a key beside a scheme that is none', ['Authorization', 'Digest t', 'X-API-Key', 'lk_x'], key('lk_x')],
    ['nothing', ['Host', 'x'], { kind: 'none' }],
    ['nothing by a scheme that is none', ['Authorization', 'Digest lk_x'], { kind: 'none' }],
    ['nothing in headers that only look alike', ['X-API-Keys', 'a', 'Y-API-Key', 'b'], { kind: 'none' }],
    ['nothing in others of the same length', ['authorizatiom', 'Bearer t'], { kind: 'none' }],
    ['nothing in the value of a header', ['Host', 'X-API-Key', 'Via', 'Authorization'], { kind: 'none' }],
  ])('%s', (_case, headers, credential) => {
    expect(read(headers)).toEqual(credential)
  })
})

describe('a request is malformed, and is told why', () => {
  const noScheme = 'The header Authorization must be a scheme, a space and a credential.'
  const twoKeys = 'The header X-API-Key must not be repeated.'
  const twoAuthorizations = 'The header Authorization must not be repeated.'
  test.each<[string, string[], string]>([
    ['with an Authorization of one word', ['Authorization', 'lk_x'], noScheme],
    ['with an empty Authorization', ['Authorization', ''], noScheme],
    ['with a blank Authorization', ['Authorization', '  '], noScheme],
    ['with a scheme alone', ['Authorization', 'Bearer '], noScheme],
    ['with one word beside a key', ['X-API-Key', 'lk_x', 'Authorization', 'lk_y'], noScheme],
    ['with two keys', ['X-API-Key', '', 'x-api-key', 'lk_x'], twoKeys],
    ['with two Authorizations', ['Authorization', '', 'authorization', 'Bearer t'], twoAuthorizations],
  ])('%s', (_case, headers, detail) => {
    expect(read(headers)).toEqual({ kind: 'malformed', detail })
    expect(read(headers, '/?api_key=lk_z', true)).toEqual({ kind: 'malformed', detail })
    expect(read(headers, '/?api_key=lk_z&api_key=lk_z', true)).toEqual({ kind: 'malformed', detail })
  })
})

describe('where the URL may present a key', () => {
  const repeated = { kind: 'malformed', detail: 'The query member api_key must not be repeated.' }
  test.each<[string, string[], string, object]>([
    ['it does', [], '/?api_key=lk_x', key('lk_x', 'query')],
    ['it does in the other spelling', [], '/?a=b&api-key=lk_x&c', key('lk_x', 'query')],
    ['it does when encoded', [], '/?api%5Fkey=lk%5Fx', key('lk_x', 'query')],
    ['it does after another question mark', [], '/?a=?&api_key=lk_x', key('lk_x', 'query')],
    ['an empty one is one', [], '/?api_key', key('', 'query')],
    ['a header comes before it', ['X-API-Key', 'lk_h'], '/?api_key=lk_x', key('lk_h')],
    ['a token comes before it', ['Authorization', 'Bearer t'], '/?api_key=lk_x', token('t')],
    [
      'it comes after a scheme that is none',
      ['Authorization', 'Digest t'],
      '/?api_key=lk_x',
      key('lk_x', 'query'),
    ],
    ['two are malformed', [], '/?api_key=lk_x&api_key=lk_x', repeated],
    ['two in different spellings are malformed', [], '/?api_key=lk_x&api-key=', repeated],
    ['two are malformed beside a good header', ['X-API-Key', 'lk_h'], '/?api_key=a&api_key=b', repeated],
    ['a path is none', [], '/api_key=lk_x', { kind: 'none' }],
    ['a path that is none is none', [], 'api_key=lk_x', { kind: 'none' }],
    ['another member is none', [], '/?apikey=lk_x', { kind: 'none' }],
    ['no URL is none', [], undefined as unknown as string, { kind: 'none' }],
  ])('%s', (_case, headers, url, credential) => {
    const message = { rawHeaders: headers, url } as unknown as IncomingMessage

    expect(readCredential(message, 'lk_', true)).toEqual(credential)
  })
})

describe('the URL that goes on without the key', () => {
  test.each([
    ['/a?api_key=lk_x', '/a'],
    ['/a?api-key=lk_x', '/a'],
    ['/a?api_key', '/a'],
    ['/a?b=1&api_key=lk_x&c=2', '/a?b=1&c=2'],
    ['/a?api_key=1&b&api-key=2', '/a?b'],
    ['/a?%61%70%69%5F%6B%65%79=lk_x&b', '/a?b'],
    ['/a?api%5fkey=lk_x', '/a'],
    ['/a?b=?&api_key=lk_x', '/a?b=?'],
  ])('%s is %s', (url, clean) => {
    expect(removeQueryKey(url)).toBe(clean)
  })

  test.each([
    '/a',
    '/a?',
    '/a?b=api_key',
    '/a?b=1&&c',
    '/api_key=lk_x',
    'api_key=lk_x',
    '/a?apikey=lk_x',
    '/a?api_keys=lk_x',
    '/a?x_api_key=lk_x',
    '/a?api_key%3Dlk_x',
    '/a?q=%E0%A4%A',
  ])('%s is as it was', (url) => {
    expect(removeQueryKey(url)).toBe(url)
  })

  test('presents none any more, whatever it was', () => {
    fc.assert(
      fc.property(url, (url) => {
        expect(read([], removeQueryKey(url), true)).toEqual({ kind: 'none' })
      }),
      { numRuns: 1000 },
    )
  })
})
