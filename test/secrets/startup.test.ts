import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadSecrets, SecretsUnreadable } from '../../src/secrets/startup.js'

let folder: string
let file: string
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'latchkey-secrets-')), 'data')
  file = join(folder, 'secrets.json')
})
afterEach(() => rmSync(join(folder, '..'), { recursive: true }))

let made = 0
const generate = async () => {
  made += 1
  return { kty: 'RSA', kid: `key ${made}` }
}
const load = () => loadSecrets(folder, generate)
const modeOf = (path: string) => statSync(path).mode & 0o777

test('the first start makes secrets, for the eyes of their owner alone', async () => {
  const { sessionSecret, encryptionSecret, embeddedClientSecret, signingKey } = await load()

  expect(sessionSecret).toMatch(/^[\w-]{43}$/)
  expect(embeddedClientSecret).toMatch(/^[\w-]{43}$/)
  expect(encryptionSecret).toMatch(/^[\w-]{43}$/)
  expect(new Set([sessionSecret, encryptionSecret, embeddedClientSecret]).size).toBe(3)
  expect(signingKey.kty).toBe('RSA')
  expect(modeOf(file)).toBe(0o600)
  expect(modeOf(folder)).toBe(0o700)
})

test('a later start finds the same ones and makes nothing', async () => {
  const first = await load()
  const before = made

  const second = await load()

  expect(second).toEqual(first)
  expect(made).toBe(before)
})

test('a file of a release that sealed nothing keeps what it has, and gets a secret for it once', async () => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, JSON.stringify(good))

  const first = await load()
  const second = await load()

  expect(first).toEqual({ ...good, encryptionSecret: expect.stringMatching(/^[\w-]{43}$/) })
  expect(second).toEqual(first)
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(first)
  expect(modeOf(file)).toBe(0o600)
})

test('two folders have different secrets', async () => {
  const one = await load()

  const other = await loadSecrets(join(folder, 'other'), generate)

  expect(other.sessionSecret).not.toBe(one.sessionSecret)
})

test('nothing but the whole file is ever seen under its name', async () => {
  mkdirSync(folder, { recursive: true })
  // As a start that was killed in the middle leaves it.
  writeFileSync(`${file}.new`, '{"sessionSecret":"half')

  const secrets = await load()

  expect(readdirSync(folder)).toEqual(['secrets.json'])
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(secrets)
  expect(modeOf(file)).toBe(0o600)
})

test('a start that cannot make its key writes nothing', async () => {
  const failing = loadSecrets(folder, () => Promise.reject(new Error('no entropy')))

  await expect(failing).rejects.toThrow('no entropy')
  expect(() => statSync(file)).toThrow('ENOENT')
})

const good = {
  sessionSecret: 'a'.repeat(43),
  embeddedClientSecret: 'b'.repeat(43),
  signingKey: { kty: 'RSA' },
}

test.each([
  ['is empty', '', 'are not valid JSON'],
  ['is half written', JSON.stringify(good).slice(0, 40), 'are not valid JSON'],
  ['is no object', 'null', 'are incomplete'],
  ['is a text', `"${'a'.repeat(43)}"`, 'are incomplete'],
  [
    'lacks the secret of the sessions',
    JSON.stringify({ ...good, sessionSecret: undefined }),
    'are incomplete',
  ],
  ['has a short secret', JSON.stringify({ ...good, sessionSecret: 'short' }), 'are incomplete'],
  ['has a secret that is no text', JSON.stringify({ ...good, embeddedClientSecret: 5 }), 'are incomplete'],
  [
    'has a short secret to seal with',
    JSON.stringify({ ...good, encryptionSecret: 'short' }),
    'are incomplete',
  ],
  ['has none of a text to seal with', JSON.stringify({ ...good, encryptionSecret: null }), 'are incomplete'],
  ['lacks the signing key', JSON.stringify({ ...good, signingKey: {} }), 'are incomplete'],
])('a file that %s stops the start, says so, is not quoted and not replaced', async (_name, text, reason) => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, text)

  const error = await load().catch((caught: unknown) => caught)

  expect(error).toBeInstanceOf(SecretsUnreadable)
  expect(String(error)).toContain(`The secrets in ${file} ${reason}. Restore the file, or remove it`)
  expect(String(error)).not.toMatch(/aaaa|bbbb|short/)
  expect((error as Error).cause).toBeUndefined()
  expect(readFileSync(file, 'utf8')).toBe(text)
})

test('a file that cannot be read stops the start', async () => {
  mkdirSync(file, { recursive: true })

  await expect(load()).rejects.toThrow(`The secrets in ${file} cannot be read (EISDIR)`)
})
