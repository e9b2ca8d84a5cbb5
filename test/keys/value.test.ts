import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hashValue, hasValidChecksum, newKeyId, newValue, readKeyId } from '../../src/keys/value.js'
import { anyCharacter } from '../support/any-character.js'
import { startService, type TestService } from '../support/service.js'
import { lookUpQuery, openWatchedDatabase, type WatchedDatabase } from '../support/watched-database.js'
import { aForgedValue, checksumOf, expectProblem, requestsTo } from './requests.js'

let service: TestService
let db: WatchedDatabase
const ask = requestsTo(() => service)
beforeAll(async () => {
  db = await openWatchedDatabase()
  service = await startService({}, { db })
})
afterAll(() => service.close())

const looksValid = (value: string) => readKeyId(value, 'lk') !== null && hasValidChecksum(value)
const withChecksum = (body: string) => body + checksumOf(body)
const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((array) => Buffer.from(array))

test('a value is the prefix, the id, 43 characters of secret and the CRC-32 of all that', async () => {
  const key = await service.createKey('alice')

  expect(key.value).toMatch(/^lk_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}$/)
  expect(key.value.slice(3, 11)).toBe(key.id)
  expect(key.value.slice(-6)).toBe(checksumOf(key.value.slice(0, -6)))
})

test('a value is one word: it survives a double click, a URL and a shell', async () => {
  const { value } = await service.createKey('alice')

  expect(value).toMatch(/^\w+$/)
  expect(encodeURIComponent(value)).toBe(value)
})

test('whatever the random bytes, a new value has the shape and the checksum', () => {
  fc.assert(
    fc.property(bytes, (secret) => {
      const random = (size: number) => secret.subarray(0, size)
      const value = newValue('lk', newKeyId(random), random)
      expect(value).toMatch(/^lk_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}$/)
      expect(looksValid(value)).toBe(true)
    }),
  )
})

test('different random bytes make different secrets', () => {
  fc.assert(
    fc.property(bytes, bytes, (one, other) => {
      const isSame = newValue('lk', 'aaaaaaaa', () => one) === newValue('lk', 'aaaaaaaa', () => other)
      expect(isSame).toBe(one.equals(other))
    }),
  )
})

test('the hash that is stored is SHA-256 of the whole value', async () => {
  expect(hashValue('abc').toString('hex')).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  )
})

test('any single changed character is found without a look-up', () => {
  const value = newValue('lk', newKeyId(randomBytes), randomBytes)
  fc.assert(
    fc.property(
      fc.nat(value.length - 1),
      fc.string({ unit: anyCharacter, minLength: 1, maxLength: 1 }),
      (at, unit) => {
        fc.pre(unit !== value[at])
        expect(looksValid(value.slice(0, at) + unit + value.slice(at + 1))).toBe(false)
      },
    ),
    { numRuns: 2000 },
  )
})

test('any two characters that changed places are found without a look-up', () => {
  const value = newValue('lk', newKeyId(randomBytes), randomBytes)
  for (let at = 0; at < value.length - 1; at++) {
    const [one = '', other = ''] = value.slice(at, at + 2)
    if (one !== other) expect(looksValid(value.slice(0, at) + other + one + value.slice(at + 2))).toBe(false)
  }
})

test('every changed character of a key in use is refused, and none costs a query', async () => {
  const { value } = await service.createKey('alice')
  expect(await ask.status(value)).toBe(200)
  const before = db.asked.filter(({ name }) => name === lookUpQuery).length

  for (let at = 0; at < value.length; at++) {
    const changed = value.slice(0, at) + (value[at] === 'x' ? 'y' : 'x') + value.slice(at + 1)
    expectProblem(await ask.with(changed), 401, 'invalid_credential')
  }

  expect(db.asked.filter(({ name }) => name === lookUpQuery)).toHaveLength(before)
  expect(await ask.status(value)).toBe(200)
})

test('ill-shaped values are refused and cost no query', async () => {
  const good = aForgedValue()
  const before = db.asked.length
  const illShaped = [
    '',
    'lk_',
    'lk__',
    'lk',
    good.slice(0, -1),
    `${good}0`,
    ` ${good.slice(1)}`,
    good.toUpperCase(),
    good.replace('lk_', 'LK_'),
    good.replace('lk_', 'zz_'),
    good.replaceAll('_', '-'),
    `${good.slice(0, -6)}000000`,
    'x'.repeat(61),
    `lk_${"' OR 1=1 --".padEnd(58, ' ')}`,
    `lk_${'x'.repeat(4000)}`,
    withChecksum(`lk_aa.aaaaa_${'0'.repeat(43)}`),
    withChecksum(`lk_aaaaaaaa_${'0'.repeat(42)}é`),
    withChecksum(`lk_aaaaaaaa_${'0'.repeat(42)}-`),
  ]

  for (const value of illShaped) expectProblem(await ask.with(value), 401, 'invalid_credential')

  expect(db.asked).toHaveLength(before)
})

test('wrong, unknown, expired, revoked and disabled values read the same', async () => {
  const revoked = await service.createKey('alice')
  await ask.as('alice', 'POST', `/api-keys/${revoked.id}/revoke`)
  const disabled = await service.createKey('alice')
  await ask.as('alice', 'PATCH', `/api-keys/${disabled.id}`, { enabled: false })
  const good = await service.createKey('alice')

  const answers = await Promise.all(
    ['lk_nonsense', aForgedValue(), aForgedValue(good.id), revoked.value, disabled.value].map((value) =>
      ask.with(value),
    ),
  )

  const texts = answers.map(({ status, json, headers }) => ({
    ...{ status, title: json.title, code: json.code, detail: json.detail },
    challenge: headers['www-authenticate'],
  }))
  expect(new Set(texts.map((text) => JSON.stringify(text))).size).toBe(1)
  expect(texts[0]).toMatchObject({
    status: 401,
    code: 'invalid_credential',
    challenge: 'Bearer error="invalid_token"',
  })
})

test('a value answers in every form that the service accepts, in any case of the scheme', async () => {
  const { value, id } = await service.createKey('alice')

  for (const headers of [
    { 'x-api-key': value },
    { authorization: `Apikey ${value}` },
    { authorization: `APIKEY ${value}` },
    { authorization: `Bearer ${value}` },
  ]) {
    const answer = await service.inject({ url: '/me', headers })
    expect(answer.json).toMatchObject({ key_id: id, via: 'api-key', login: 'alice' })
  }
})
