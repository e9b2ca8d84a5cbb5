import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConfigError, loadConfig } from '../../src/config/load.js'
import { runConfig } from '../support/run-config.js'
import { cases, withIssuer } from '../support/setting-cases.js'

function faultsOf(env: NodeJS.ProcessEnv): string[] {
  try {
    loadConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

describe.each(Object.entries(cases))('%s', (name, { read, valid, invalid, beside = {}, ...expected }) => {
  test('has its default when it is unset, empty or blank', () => {
    for (const value of [undefined, '', '  ']) {
      expect(read(loadConfig({ [name]: value }))).toEqual(expected.default)
    }
  })

  test.each(valid)('takes %j', (text, value) => {
    expect(read(loadConfig({ ...beside, [name]: ` ${text} ` }))).toEqual(value)
  })

  test.each(invalid)('refuses %j in a sentence that names it, without its value', (text) => {
    const faults = faultsOf({ ...beside, [name]: text })

    // A bad HOST shows in the public URL that is made of it.
    expect(faults.join('\n')).toMatch(name === 'HOST' ? /HOST|PUBLIC_URL/ : new RegExp(`^${name} `, 'm'))
    if (text.length > 6) expect(faults.join('\n')).not.toContain(text)
  })
})

test.each([
  ['LOG_LEVEL', 'loud', 'be fatal, error, warn, info, debug, trace or silent'],
  ['OWNER_DISABLED_POLICY', 'delete', 'be suspend or revoke'],
  ['DATABASE_URL', 'mysql://db/x', 'begin with postgresql://'],
  ['SESSION_SECRET', 'x'.repeat(31), 'have at least 32 characters'],
  ['PORT', '80.5', 'be a whole number'],
  ['PORT', '0', 'be at least 1'],
  ['PORT', '65536', 'be at most 65535'],
  ['ALLOW_NEVER_EXPIRES', 'yes', 'be true or false'],
  ['KEY_PREFIX', 'Acme', 'be a small letter and up to 9 more small letters or digits'],
  ['IDENTITY_HEADER_PREFIX', '1x', 'be a letter and up to 30 more letters, digits or hyphens'],
  ['LOGIN_RATE_PER_MINUTE', 'none', 'be off or a whole number from 1 to 999999999'],
])('who sets %s to %j reads that it must %s', (name, text, demand) => {
  expect(faultsOf({ ...withIssuer, [name]: text })).toContain(`${name} must ${demand}`)
})

test('all faults are told at once, each once, and no value of a secret with them', () => {
  const secrets = { DATABASE_URL: 'mysql://root:pa55word@db', SESSION_SECRET: 'too-short-secret' }

  const faults = faultsOf({
    ...secrets,
    PORT: 'x',
    LOG_LEVEL: 'loud',
    TRUST_PROXY: '1,2',
    CORS_ORIGINS: '*',
    PUBLIC_URL: 'nonsense',
    OIDC_ISSUER: 'https://u:pa55word@sso',
  })

  const text = new ConfigError(faults).message
  for (const name of ['PORT', 'LOG_LEVEL', 'TRUST_PROXY', 'CORS_ORIGINS', 'PUBLIC_URL', 'OIDC_ISSUER']) {
    expect(text.split(`- ${name} `)).toHaveLength(2)
  }
  expect(text).toMatch(/- DATABASE_URL [\s\S]*- SESSION_SECRET [\s\S]*- OIDC_CLIENT_SECRET is required/)
  expect(text).not.toMatch(/pa55word|too-short|mysql/)
})

test.each([
  ['DATABASE_URL is set', { DATABASE_URL: 'postgres://db/x', SESSION_SECRET: 's'.repeat(32) }],
  ['DIRECTORY_URL is set', { DIRECTORY_URL: 'https://sso.example.org/admin/realms/r' }],
  ['HOST is reached by others', { HOST: '0.0.0.0', PUBLIC_URL: 'http://127.0.0.1:3000' }],
  ['HOST is reached by others over IPv6', { HOST: '::', PUBLIC_URL: 'http://127.0.0.1:3000' }],
  ['HOST is a name', { HOST: 'localhost.example.org', PUBLIC_URL: 'http://localhost' }],
  ['PUBLIC_URL is elsewhere', { PUBLIC_URL: 'https://portal.example.org' }],
  ['PUBLIC_URL only looks local', { PUBLIC_URL: 'http://127.0.0.1.example.org' }],
  ['NODE_ENV is production', { NODE_ENV: 'production' }],
])('the embedded identity provider is refused when %s', (_name, env: NodeJS.ProcessEnv) => {
  expect(faultsOf(env).join('\n')).toContain('OIDC_ISSUER is required')
  expect(faultsOf({ ...withIssuer, PUBLIC_URL: 'https://portal.example.org', ...env })).toEqual([])
})

describe('single-user mode', () => {
  const alone = { SINGLE_USER: 'true' }

  test.each([
    ['OIDC_ISSUER', withIssuer.OIDC_ISSUER],
    ['OIDC_CLIENT_SECRET', 'hush-hush'],
    ['OIDC_CLI_CLIENT_ID', 'latchkey-cli'],
    ['OIDC_ATTRIBUTES', 'project'],
    ['DATABASE_URL', 'postgres://u:pa55word@db/x'],
    ['DIRECTORY_URL', 'off'],
  ])('is refused with %s, which would mean nothing', (name, value) => {
    const faults = faultsOf({ ...alone, SESSION_SECRET: 's'.repeat(32), [name]: value })

    expect(faults).toContain(`${name} must not be set with SINGLE_USER`)
    expect(faults.join()).not.toMatch(/pa55word|hush/)
  })

  test.each([
    ['HOST', { HOST: '0.0.0.0', PUBLIC_URL: 'http://127.0.0.1:3000' }],
    ['HOST', { HOST: '192.0.2.1', PUBLIC_URL: 'http://127.0.0.1:3000' }],
    ['HOST', { HOST: 'localhost.example.org', PUBLIC_URL: 'http://localhost' }],
    ['PUBLIC_URL', { PUBLIC_URL: 'https://keys.example.org' }],
    ['PUBLIC_URL', { PUBLIC_URL: 'http://127.0.0.1.example.org' }],
    ['GATEWAY_PUBLIC_URL', { GATEWAY_PUBLIC_URL: 'https://api.example.org' }],
  ])('is refused with %s beyond this machine, unless that is said in so many words', (name, env) => {
    const kind = name === 'HOST' ? 'a loopback address' : 'on a loopback address'

    expect(faultsOf({ ...alone, ...env })).toContain(
      `SINGLE_USER_ALLOW_REMOTE is required with SINGLE_USER when ${name} is not ${kind}`,
    )
    expect(faultsOf({ ...alone, SINGLE_USER_ALLOW_REMOTE: 'true', ...env })).toEqual([])
  })

  test.each([
    ['LATCHKEY_SINGLE_USER_API_KEY', 'x'.repeat(32)],
    ['SINGLE_USER_ALLOW_REMOTE', 'true'],
  ])('alone has %s', (name, value) => {
    expect(faultsOf({ [name]: value })).toEqual([`${name} is only for SINGLE_USER`])
  })

  test('needs nothing else, in production neither, and has the example catalogue', () => {
    const config = loadConfig({ ...alone, NODE_ENV: 'production' })

    expect(config).toMatchObject({ exampleCatalog: true, publicUrl: 'http://127.0.0.1:3000' })
    expect(config.singleUser).toEqual({ apiKey: undefined, mayBeRemote: false })
  })
})

test.each([
  ['OIDC_CLIENT_SECRET', { OIDC_ISSUER: withIssuer.OIDC_ISSUER }],
  ['SESSION_SECRET', { ...withIssuer, DATABASE_URL: 'postgres://db/x' }],
  ['PUBLIC_URL', { ...withIssuer, HOST: '0.0.0.0' }],
])('%s is required where nothing else can be meant', (name, env: NodeJS.ProcessEnv) => {
  expect(faultsOf(env)).toEqual([expect.stringMatching(`^${name} is required`)])
})

test('the public URL of an IPv6 host has brackets', () => {
  expect(loadConfig({ HOST: '::1', PORT: '80' }).publicUrl).toBe('http://[::1]')
})

test('a key may not live longer by default than it may at all', () => {
  expect(faultsOf({ KEY_MAX_LIFETIME_DAYS: '14' })).toEqual([
    'KEY_LIFETIME_DAYS must not be more than KEY_MAX_LIFETIME_DAYS',
  ])
})

test('with an issuer there is no example catalogue unless it is asked for', () => {
  expect(loadConfig(withIssuer).exampleCatalog).toBe(false)
  expect(loadConfig({ ...withIssuer, EXAMPLE_CATALOG: 'true' }).exampleCatalog).toBe(true)
})

test('a .env file is read, the environment wins, and one that cannot be read is a fault', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-env-'))
  writeFileSync(join(folder, '.env'), 'PORT=4000\nKEY_PREFIX="acme"\n# HOST=0.0.0.0\nADMIN_ROLE=\n')
  mkdirSync(join(folder, 'bad', '.env'), { recursive: true })

  const read = await runConfig(folder, { PORT: '4001' })
  const bad = await runConfig(join(folder, 'bad'), {})
  rmSync(folder, { recursive: true })

  expect(JSON.parse(read)).toEqual({
    port: 4001,
    prefix: 'acme',
    host: '127.0.0.1',
    adminRole: 'latchkey-admin',
  })
  expect(bad).toMatch(/^ConfigError: The service cannot start[\s\S]*the file \.env cannot be read \(\w+\)/)
})

test.each<[string, string | undefined, string | undefined, object | null]>([
  ['neither is set', undefined, undefined, null],
  ['all own clients are listed, as before', 'latchkey latchkey-swagger latchkey-cli', undefined, null],
  ['the parties are set', 'latchkey,portal', 'portal', null],
  ['the parties are none', 'latchkey,portal', 'none', null],
  [
    'another client is listed, whose azp counts no more',
    'latchkey latchkey-swagger latchkey-cli portal',
    undefined,
    { refused: ['portal'], accepted: [] },
  ],
  [
    'own clients are left out, whose azp counts now',
    'my-api',
    undefined,
    { refused: ['my-api'], accepted: ['latchkey', 'latchkey-swagger', 'latchkey-cli'] },
  ],
])('what changed for OIDC_AUDIENCES is known where %s', (_case, audiences, parties, changed) => {
  const env = { OIDC_AUDIENCES: audiences, OIDC_AUTHORIZED_PARTIES: parties }

  expect(loadConfig(env).changedParties).toEqual(changed)
})
