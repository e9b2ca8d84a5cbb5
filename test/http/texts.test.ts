import fc from 'fast-check'
import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { findCredential } from '../../src/auth/find-credential.js'
import { readText } from '../../src/http/texts.js'
import { createValidator } from '../../src/http/validation.js'
import type { TextKind } from '../../src/schemas/common.js'
import { createKeySchema } from '../../src/schemas/key.js'
import { aValueOf } from '../keys/stored-rows.js'
import { anyCharacter } from '../support/any-character.js'

const kinds: TextKind[] = ['name', 'paragraph', 'right', 'address']
const anyText = fc.string({ unit: anyCharacter, maxLength: 30 })
const read = (kind: TextKind, text: string) => {
  const reading = readText(kind, text)
  return 'text' in reading ? reading.text : null
}

describe('a name', () => {
  test.each([
    ['  Nightly ingestion ', 'Nightly ingestion'],
    ['\u00A0\u3000x\u2003', 'x'],
    ['Cafe\u0301', 'Caf\u00E9'],
    ['\u212A', 'K'],
    ['Пётр 日本語 🔑', 'Пётр 日本語 🔑'],
    ['a  b', 'a  b'],
    ['...', '...'],
  ])('%j is kept as %j', (given, kept) => {
    expect(read('name', given)).toBe(kept)
  })

  test.each([
    ...['\u200B', '\u200B\u200D', '\uFEFF', '\u2060', '\u00AD', '\u3164'],
    ...['\u115F', '\u180E', '\u034F', '\uFE0F', '\u{E0100}', '\u{E0041}', '\u2800', '\u0301'],
    ...[
      'a\u200Bb',
      'a\u200Db',
      'a\u00ADb',
      '\u202Eb',
      'a\u2066b',
      'a\uFEFF',
      '\u061Ca',
      'a\u2028',
      'a\n',
      '\u0000',
    ],
    ...['a\u0085', '\u007F', 'a\tb'],
    // An annotation, a sign of Arabic that only formats, and a note of music that is shown as nothing.
    ...['a\uFFF9b', '\u0600a', 'a\u{1D159}b'],
  ])('%j is none', (given) => {
    expect(read('name', given)).toBeNull()
  })
})

test.each(['', ' ', '\u00A0', '\u3000\u2003'])('a name of white space alone is too short: %j', (name) => {
  const validate = createValidator().compile(createKeySchema)

  expect(validate({ name })).toBe(false)
  expect(validate.errors?.map(({ keyword }) => keyword)).toEqual(['minLength'])
})

describe('a paragraph', () => {
  test.each([
    ['a\nb\tc\r\n', 'a\nb\tc'],
    ['', ''],
    [' \n ', ''],
    ['Cafe\u0301', 'Caf\u00E9'],
    // A heart and a family, Persian, and a letter of Devanagari: they are written with joiners and selectors.
    ...['\u2764\uFE0F', '👨\u200D👩\u200D👧', 'می\u200Cخواهم', 'क्\u200Dष', '🏳\uFE0F\u200D🌈'].map((text) => [
      text,
      text,
    ]),
  ])('%j is kept as %j', (given, kept) => {
    expect(read('paragraph', given)).toBe(kept)
  })

  test.each([
    '\u200B',
    '\u200D',
    '\uFE0F',
    'a \u200D',
    'a\u200Bb',
    'a\u202Eb',
    'a\u00ADb',
    '\uFEFFa',
    'a\u0000',
  ])('%j is none', (given) => {
    expect(read('paragraph', given)).toBeNull()
  })
})

test('a right is kept character by character, so that it is still the one of the identity provider', () => {
  for (const right of [' a', 'Cafe\u0301', 'group:/A B', 'latchkey:x'])
    expect(read('right', right)).toBe(right)
  for (const right of [' ', 'latchkey-admin\u200B', 'a\u0000']) expect(read('right', right)).toBeNull()
})

describe('any text', () => {
  test('that is kept is kept as it is when it comes again', () => {
    fc.assert(
      fc.property(fc.constantFrom(...kinds), anyText, (kind, text) => {
        const kept = read(kind, text)
        if (kept !== null) expect(read(kind, kept)).toBe(kept)
      }),
    )
  })

  test('that is a name is in NFC, has no white space at its ends, and nothing unseen in it', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const kept = read('name', text)
        if (kept === null) return
        expect(kept).toBe(kept.normalize('NFC').trim())
        expect(kept).not.toMatch(/[\p{Cc}\p{Default_Ignorable_Code_Point}]/u)
      }),
    )
  })

  test('is one name, in whichever form of Unicode it comes', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(read('name', text.normalize('NFD'))).toBe(read('name', text.normalize('NFC')))
      }),
    )
  })
})

const encodeAll = (text: string) => [...text].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('')

describe('a credential of ours', () => {
  const prefixes = fc.stringMatching(/^[a-z][a-z0-9]{0,9}$/)

  test('is found anywhere in a text, whatever stands around it, and kept in no kind of text', () => {
    fc.assert(
      fc.property(anyText, anyText, prefixes, fc.nat(255), (before, after, prefix, number) => {
        const value = aValueOf('Zk3vQ9aB', number, prefix)
        const text = before + value + after
        expect(findCredential(text)).toBe('the value of a key')
        for (const kind of kinds) {
          const reading = readText(kind, text)
          expect(reading).toHaveProperty('fault')
          expect(JSON.stringify(reading)).not.toContain(value)
        }
      }),
    )
  })

  test.each([
    ['with characters that are not seen', (value: string) => value.replace('_', '\u200B_')],
    ['percent-encoded', (value: string) => value.replaceAll('_', '%5f')],
    [
      'percent-encoded at its first letter',
      (value: string) => `%${value.charCodeAt(0).toString(16)}${value.slice(1)}`,
    ],
    ['percent-encoded twice', (value: string) => value.replaceAll('_', '%255f')],
    [
      'percent-encoded all over, three times',
      (value: string) => encodeURIComponent(encodeURIComponent(encodeAll(value))),
    ],
    ['percent-encoded as IIS takes it', (value: string) => value.replaceAll('_', '%u005f')],
    ['percent-encoded in more bytes than needed', (value: string) => value.replaceAll('_', '%c1%9f')],
    ['escaped as in JSON', (value: string) => value.replaceAll('_', '\\u005f')],
    ['escaped as in HTML', (value: string) => value.replaceAll('_', '&#95;')],
    ['with encoded line ends', (value: string) => value.replaceAll('_', '_%0A')],
    ['within another word', (value: string) => `x${value}x`],
    ['behind ten characters of a prefix', (value: string) => `abcdefghij${value}`],
  ])('is found %s', (_how, write) => {
    expect(findCredential(write(aValueOf('Zk3vQ9aB')))).toBe('the value of a key')
  })

  const pairOf = (value: string) => value.split('_').slice(1).join(':')

  test.each([
    ['plain', (pair: string) => pair],
    ['in a command', (pair: string) => `curl -u ${pair} https://a`],
    ['percent-encoded', (pair: string) => encodeURIComponent(encodeURIComponent(pair))],
    ['in base64', (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`],
    ['in base64url, in a path', (pair: string) => `/a/${Buffer.from(pair).toString('base64url')}/b`],
    ['in base64 within a word', (pair: string) => `xy${Buffer.from(pair).toString('base64')}`],
    ['in base64 with a line end', (pair: string) => Buffer.from(`${pair}\n`).toString('base64')],
  ])('is found as its id and its secret, whatever its prefix: %s', (_how, write) => {
    for (const prefix of ['lk', 'x', 'abcdefghij'])
      for (const id of ['Zk3vQ9aB', 'moved.1', 'a-b'])
        expect(findCredential(write(pairOf(aValueOf(id, 7, prefix))))).toBe('the id and the secret of a key')
  })

  test('is found as its secret alone, and other long words are not', () => {
    const secret = aValueOf('Zk3vQ9aB', 7).slice(-49)

    expect(findCredential(`use ${secret}.`)).toBe('the secret of a key')
    for (const text of [
      'a'.repeat(49),
      '0a'.repeat(32),
      'A0b'.repeat(16),
      `${secret}x`,
      '6f1c5c0e-5a43-4a35-8a0f-0f1f7a6f5f0e',
      Buffer.from(`a${secret}`).toString('base64'),
    ])
      expect(findCredential(text)).toBeNull()
  })

  test('is not one that lacks a character, or has a wrong checksum', () => {
    const value = aValueOf('Zk3vQ9aB')
    for (const text of [value.slice(0, -1), `${value.slice(0, -1)}!`, value.replace('Z', 'Y')])
      expect(findCredential(text)).toBeNull()
  })

  test('is found as its secret behind any underscore, where no checksum tells that it is none', () => {
    const value = aValueOf('Zk3vQ9aB', 7)
    const secret = value.slice(-49)

    expect(findCredential(value.toUpperCase().slice(0, 3) + value.slice(3))).toBe('the value of a key')
    for (const text of [
      value.slice(3),
      `_${secret}`,
      `secret_${secret}`,
      `MY_KEY_${secret}`,
      `1_Zk3vQ9aB_${secret}`,
    ]) {
      expect(findCredential(text)).toBe('the secret of a key')
      expect(read('name', text)).toBeNull()
      expect(read('paragraph', `old: ${text}`)).toBeNull()
    }
  })

  test('is a link and a JWT that a key signed too, but no other token', async () => {
    const secret = Buffer.alloc(64, 1)
    const sign = (header: { alg: string; typ?: string }) =>
      new SignJWT({ iss: 'Zk3vQ9aB' }).setProtectedHeader(header).sign(secret)
    const other = `${Buffer.from('{"alg":"ES256","kid":"1"}').toString('base64url')}.e30.${'A'.repeat(86)}`

    expect(findCredential(`see ${await sign({ alg: 'HS256' })}.`)).toBe('a JWT that a key signed')
    expect(findCredential(await sign({ alg: 'HS512' }))).toBe('a JWT that a key signed')
    expect(findCredential(`https://g/k/${await sign({ alg: 'HS256', typ: 'link+jwt' })}/x`)).toBe('a link')
    expect(findCredential(other)).toBeNull()
  })

  test('is a JWT wherever its header begins, and however its JSON is written', () => {
    const encode = (json: string) => Buffer.from(json).toString('base64url')
    for (const json of [
      '{"alg":"HS256"}',
      '{"kid":"a", "alg" : "HS384"}',
      '{"a":{"b":1},"\\u0061lg":"HS\\u0032\\u0035\\u0036"}',
    ])
      for (const before of ['', 'x', 'xy', 'xyz', 'token_', 'eyJ'.repeat(50)])
        expect(findCredential(`${before}${encode(json)}.e30.abc`)).toBe('a JWT that a key signed')
    for (const json of ['{"alg":"ES256"}', '{"alg":"none","typ":"JWT"}', '{"kid":"HS256 alg"}'])
      expect(findCredential(`${encode(json)}.e30.abc`)).toBeNull()
  })

  test('is looked for in 64 kB of anything in less than a second', () => {
    const half = aValueOf('Zk3vQ9aB').slice(2, -1)
    const worst = ['_'.repeat(65_000), '_abcdefgh'.repeat(7_000), half.repeat(1_100), 'eyJ'.repeat(20_000)]
    worst.push('eyJa.'.repeat(13_000), '%5f'.repeat(21_000), `lk${half}1`.repeat(1_000))

    const begun = performance.now()
    for (const text of worst) findCredential(text)

    expect(performance.now() - begun).toBeLessThan(1000)
  })
})

test('a text far longer than its member takes is not even read', () => {
  const validate = createValidator().compile(createKeySchema)

  expect(validate({ name: ' '.repeat(1000) + 'x'.repeat(100) })).toBe(true)
  expect(validate({ name: 'e\u0301'.repeat(1000) })).toBe(false)
  expect(validate.errors?.map(({ message }) => message)).toContain('is too long')
})

test('the length is that of the text as it is kept', () => {
  const validate = createValidator().compile(createKeySchema)
  const input = (name: string) => ({ name })
  const composed = input('e\u0301'.repeat(100))

  expect(validate(composed)).toBe(true)
  expect(composed.name).toBe('\u00E9'.repeat(100))
  expect(validate(input(`  ${'x'.repeat(100)}  `))).toBe(true)
  // This character is two in NFC.
  expect(validate(input('\u0958'.repeat(51)))).toBe(false)
  expect(validate(input('x'.repeat(101)))).toBe(false)
})
