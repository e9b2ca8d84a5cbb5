import type { IncomingMessage } from 'node:http'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readCredential } from '../../src/auth/credentials.js'

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
      if (credential.inQuery) {
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

      expect(credential).toEqual({ kind: 'key', value, inQuery: false })
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
