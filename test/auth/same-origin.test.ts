import { describe, expect, test } from 'vitest'
import { isSafeMethod, isSameOrigin } from '../../src/auth/same-origin.js'

const here = 'https://keys.example'

test.each(['GET', 'HEAD', 'OPTIONS'])('%s changes nothing', (method) => {
  expect(isSafeMethod(method)).toBe(true)
})

test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'get', ''])('%j may change something', (method) => {
  expect(isSafeMethod(method)).toBe(false)
})

describe('a request was made by a page of this site', () => {
  test.each([
    ['when both words of the browser say so', { 'sec-fetch-site': 'same-origin', origin: here }],
    ['when only Sec-Fetch-Site says something', { 'sec-fetch-site': 'same-origin' }],
    ['when only Origin says something', { origin: here }],
  ])('%s', (_case, headers) => {
    expect(isSameOrigin(headers, here)).toBe(true)
  })
})

describe('a request was not made by a page of this site', () => {
  test.each([
    ['when nothing says where it comes from', {}],
    ['when it comes from another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }],
    ['when it comes from another host of this site', { 'sec-fetch-site': 'same-site' }],
    ['when somebody typed it', { 'sec-fetch-site': 'none' }],
    ['when Sec-Fetch-Site denies what Origin says', { 'sec-fetch-site': 'cross-site', origin: here }],
    ['when Origin denies what Sec-Fetch-Site says', { 'sec-fetch-site': 'same-origin', origin: 'null' }],
    ['when only Origin says something, of another site', { origin: 'https://evil.example' }],
    ['when Origin is empty', { origin: '' }],
    ['when Sec-Fetch-Site is empty', { 'sec-fetch-site': '', origin: here }],
    ['when only the port differs', { origin: `${here}:8443` }],
    ['when only the scheme differs', { origin: 'http://keys.example' }],
    ['when Origin only begins as this site', { origin: `${here}.evil.example` }],
  ])('%s', (_case, headers) => {
    expect(isSameOrigin(headers, here)).toBe(false)
  })
})
