import { hash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { valueOfPair } from '../../src/auth/key-shape.js'
import {
  hashPresented,
  hashValue,
  hasValidChecksum,
  keyIdPattern,
  newKeyId,
  newValue,
  newValueFor,
  readKeyId,
  secretOf,
} from '../../src/keys/value.js'
import { checksumOf } from './requests.js'

const value = 'lk_Zk3vQ9aB_0000000000000000000000000000000000000000001234567'
const withChecksum = (body: string) => body + checksumOf(body)
const filledWith = (byte: number) => (size: number) => Buffer.alloc(size, byte)

test('random bytes are written as base62 digits, the highest first and filled up with zeros', () => {
  const one = (size: number) => Buffer.from('01'.padStart(2 * size, '0'), 'hex')
  const sixtyTwo = (size: number) => Buffer.from('3e'.padStart(2 * size, '0'), 'hex')

  expect([newKeyId(filledWith(0)), newKeyId(one), newKeyId(sixtyTwo)]).toEqual([
    '00000000',
    '00000001',
    '00000010',
  ])
  expect(newValue('lk', 'Zk3vQ9aB', sixtyTwo).slice(0, -6)).toBe(`lk_Zk3vQ9aB_${'10'.padStart(43, '0')}`)
})

test('an id takes 16 random bytes and is 8 digits of them, a secret takes all of 32', () => {
  const asked: number[] = []
  const random = (size: number) => {
    asked.push(size)
    return Buffer.alloc(size, 0xff)
  }

  const id = newKeyId(random)
  const made = newValue('lk', id, random)

  expect(asked).toEqual([16, 32])
  // 2^128 - 1 modulo 62^8, and 2^256 - 1, in base62.
  expect(BigInt(`0x${'f'.repeat(32)}`) % 62n ** 8n).toBe(fromBase62(id))
  expect(fromBase62(made.slice(12, -6))).toBe(2n ** 256n - 1n)
})

test('a new value ends in the checksum of all before it, six digits also where fewer would do', () => {
  for (let byte = 0; byte < 256; byte++) {
    const made = newValue('lk', 'Zk3vQ9aB', filledWith(byte))

    expect(made).toBe(withChecksum(made.slice(0, -6)))
    expect(made).toHaveLength(61)
    expect([readKeyId(made, 'lk'), hasValidChecksum(made)]).toEqual(['Zk3vQ9aB', true])
  }
})

test('the id of a value is between its two underscores, whatever the prefix', () => {
  expect(readKeyId(value, 'lk')).toBe('Zk3vQ9aB')
  expect(readKeyId(value.replace('lk', 'platform'), 'platform')).toBe('Zk3vQ9aB')
})

describe('no id is read from', () => {
  test.each([
    ['a value that is one character short', value.slice(0, -1)],
    ['a value that is one character long', `${value}0`],
    ['another prefix of the same length', value.replace('lk', 'kl')],
    ['the prefix in another case', value.replace('lk', 'LK')],
    ['a prefix that only ends as ours', `x${value.slice(0, -1)}`],
    ['another sign after the prefix', value.replace('lk_', 'lk-')],
    ['another sign after the id', value.replace('aB_', 'aB-')],
    ['an id of another length', value.replace('aB_0', 'aB0_')],
    ['nothing', ''],
  ])('%s', (_case, presented) => {
    expect(readKeyId(presented, 'lk')).toBeNull()
  })
})

describe('the checksum does not hold', () => {
  const body = value.slice(0, -6)
  test.each([
    ['when it is of another body', withChecksum(body).replace('Zk3v', 'Zk3w')],
    ['when it is changed', withChecksum(body).replace(/.$/, (last) => (last === '0' ? '1' : '0'))],
    ['when a character is none of the alphabet', withChecksum(body.replace('Zk', 'Z-'))],
    ['when a line end follows', `${withChecksum(body)}\n`],
    ['when something stands before it', withChecksum(`-${body}`)],
    ['when it is all there is', withChecksum('')],
    ['when the prefix is missing', withChecksum('_Zk3vQ9aB_0')],
    ['when the prefix begins with a digit', withChecksum('1k_Zk3vQ9aB_0')],
    ['when the prefix has a capital', withChecksum('lK_Zk3vQ9aB_0')],
    ['when the id is missing', withChecksum('lk__0')],
    ['when a part is added', withChecksum('lk_Zk3vQ9aB_0-0')],
    ['of nothing', ''],
  ])('%s', (_case, presented) => {
    expect(hasValidChecksum(presented)).toBe(false)
  })

  test.each(['lk_Zk3vQ9aB_0', 'l_Z_0', 'l2k_Zk_00'])('but it does of %s', (good) => {
    expect(hasValidChecksum(withChecksum(good))).toBe(true)
  })
})

test('what is stored and what is compared is SHA-256 of the whole value', () => {
  const expected = hash('sha256', value, 'hex')

  expect(hashValue(value).toString('hex')).toBe(expected)
  expect(hashPresented(value).toString('hex')).toBe(expected)
  expect(hashPresented(`${value}0`).toString('hex')).not.toBe(expected)
})

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const fromBase62 = (text: string) =>
  [...text].reduce((number, digit) => number * 62n + BigInt(digits.indexOf(digit)), 0n)

test('a new value for a key whose id an administrator chose is the id, a colon and a secret', () => {
  const random = filledWith(7)
  const secret = newValue('lk', 'Zk3vQ9aB', random).slice('lk_Zk3vQ9aB_'.length)

  expect(newValueFor('lk', 'Zk3vQ9aB', random)).toBe(`lk_Zk3vQ9aB_${secret}`)
  for (const id of ['short', 'longerThan8', 'with.dot', '-Zk3vQ9aB', 'Zk3vQ9aB-']) {
    const made = newValueFor('lk', id, random)
    expect(made.startsWith(`${id}:`)).toBe(true)
    expect([made.slice(id.length + 1).length, secretOf(made)]).toEqual([
      secret.length,
      made.slice(id.length + 1),
    ])
  }
})

test.each([
  ['lk_Zk3vQ9aB_secret', 'secret'],
  ['my-id:secret', 'secret'],
  ['secret', 'secret'],
])('the secret of %s is its last part', (whole, secret) => {
  expect(secretOf(whole)).toBe(secret)
})

test.each([
  ['Zk3vQ9aB', true],
  ['my.key-1', true],
  ['..a', true],
  ['a..', true],
  ['x'.repeat(64), true],
  ['x'.repeat(65), false],
  ['', false],
  ['.', false],
  ['..', false],
  ['a/b', false],
  ['-a/', false],
  ['/a', false],
])('%s can be the id of a key: %s', (id, expected) => {
  expect(keyIdPattern.test(id)).toBe(expected)
})

describe('an id and a secret that are sent apart make the value', () => {
  const made = newValue('lk', 'Zk3vQ9aB', filledWith(1))

  test.each([
    ['from the whole value, which stays as it is', 'Zk3vQ9aB', made, made],
    ['from the last part of it', 'Zk3vQ9aB', made.slice('lk_Zk3vQ9aB_'.length), made],
    ['with a colon, from the whole value of another key', 'another0', made, `another0:${made}`],
    [
      'with a colon, where the checksum does not hold',
      'Zk3vQ9aB',
      `${made.slice(12, -1)}!`,
      `Zk3vQ9aB:${made.slice(12, -1)}!`,
    ],
    ['with a colon, from any other secret', 'my-key', 'secret', 'my-key:secret'],
  ])('%s', (_case, id, secret, value) => {
    expect(valueOfPair(id, secret, 'lk')).toBe(value)
  })
})
