import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findDestination } from '../../src/cli/destination.js'
import { openClient } from '../../src/cli/session.js'
import { aCommandLine, type CommandLine } from './command-line.js'

const [hereUrl, thereUrl] = ['https://here.example', 'https://there.example/keys']
const profileOf = (url: string) => ({
  url,
  login: { issuer: 'https://id.example', clientId: 'cli' },
  gatewayUrl: null,
  isInsecure: false,
})

/** Somebody with two profiles, `here` and `there`, of which the first is in use. */
async function aUser(inUse: string | null = 'here'): Promise<CommandLine> {
  const user = await aCommandLine()
  const profiles = { here: profileOf(hereUrl), there: profileOf(thereUrl) }
  await mkdir(user.folder, { mode: 0o700 })
  await writeFile(join(user.folder, 'profiles.json'), JSON.stringify({ version: 1, inUse, profiles }), {
    mode: 0o600,
  })
  return user
}

describe('a command talks to', () => {
  test.each<
    [what: string, env: Record<string, string>, profile: string | undefined, url: string, name: string | null]
  >([
    ['the profile in use', {}, undefined, hereUrl, 'here'],
    ['the one that --profile names', {}, 'there', thereUrl, 'there'],
    ['the one that LATCHKEY_PROFILE names', { LATCHKEY_PROFILE: 'there' }, undefined, thereUrl, 'there'],
    ['--profile rather than LATCHKEY_PROFILE', { LATCHKEY_PROFILE: 'there' }, 'here', hereUrl, 'here'],
    [
      'LATCHKEY_URL rather than the profile in use',
      { LATCHKEY_URL: 'https://new.example/' },
      undefined,
      'https://new.example',
      null,
    ],
    [
      'LATCHKEY_URL with the login of the profile that has it',
      { LATCHKEY_URL: `${thereUrl}/` },
      undefined,
      thereUrl,
      'there',
    ],
    [
      'LATCHKEY_URL with the login of its profile, however that is written',
      { LATCHKEY_URL: 'HTTPS://There.example:443/keys//' },
      undefined,
      thereUrl,
      'there',
    ],
    [
      'both --profile and LATCHKEY_URL where they mean the same',
      { LATCHKEY_URL: thereUrl },
      'there',
      thereUrl,
      'there',
    ],
    [
      'the profile in use where the variables are empty',
      { LATCHKEY_URL: '', LATCHKEY_PROFILE: '' },
      undefined,
      hereUrl,
      'here',
    ],
  ])('%s', async (_what, env, profile, url, name) => {
    const user = await aUser()

    const destination = await findDestination(
      { env: { ...user.env, ...env } },
      profile === undefined ? {} : { profile },
    )

    expect(destination.url).toBe(url)
    expect(destination.known?.name ?? null).toBe(name)
  })
})

describe('a command is not sent', () => {
  test.each([
    ['with a key for one service to another', { LATCHKEY_URL: hereUrl }, 'there', 'LATCHKEY_URL names'],
    ['to a profile that is not there', {}, 'nowhere', 'there is no profile nowhere: there is here, there'],
    [
      'to what is no URL',
      { LATCHKEY_URL: 'here.example' },
      undefined,
      'LATCHKEY_URL is no http or https URL',
    ],
    [
      'over plain http',
      { LATCHKEY_URL: 'http://new.example' },
      undefined,
      'http://new.example is plain http',
    ],
    ['to a file', { LATCHKEY_URL: 'file:///etc/passwd' }, undefined, 'LATCHKEY_URL is no http or https URL'],
  ])('%s', async (_what, env, profile, message) => {
    const { run, env: settings } = await aUser()
    Object.assign(settings, env, { LATCHKEY_API_KEY: 'lk_never_sent' })

    const refused = await run('whoami', ...(profile === undefined ? [] : ['--profile', profile]))

    expect(refused).toMatchObject({ exitCode: 64, out: '' })
    expect(refused.told).toContain(message)
    expect(refused.told).not.toContain('lk_never_sent')
  })

  test('anywhere where no profile is in use', async () => {
    const { run } = await aUser(null)

    const refused = await run('whoami')

    expect(refused).toMatchObject({
      exitCode: 64,
      told: 'latchkey: no profile is in use: latchkey profile use <name>\n',
    })
  })
})

test('nobody is logged in with a profile alone, and a URL alone says what it lacks', async () => {
  const { run, env } = await aUser()

  const withProfile = await run('whoami')
  env.LATCHKEY_URL = 'https://new.example'
  const withUrl = await run('whoami')

  expect(withProfile).toMatchObject({
    exitCode: 77,
    told: `latchkey: nobody is logged in at ${hereUrl}: latchkey login\n`,
  })
  expect(withUrl.exitCode).toBe(77)
  expect(withUrl.told).toContain('set LATCHKEY_API_KEY, or: latchkey profile create https://new.example')
})

describe('plain http to another machine', () => {
  const url = 'http://keys.example'
  const known = (isInsecure: boolean) => ({ name: 'there', profile: { ...profileOf(url), isInsecure } })

  test('is what a profile was made for, or refused', async () => {
    await expect(openClient({ url, known: known(true) }, { apiKey: null })).resolves.toBeTruthy()
    await expect(openClient({ url, known: known(false) }, { apiKey: null })).rejects.toMatchObject({
      code: 'invalid_option',
    })
  })
})

test.each([
  'https://ann:s3cret@new.example',
  'https://new.example/?key=s3cret',
  'https://new.example/#s3cret',
])('what LATCHKEY_URL must not hold is refused, and not shown: %s', async (url) => {
  const { run, env } = await aUser()
  env.LATCHKEY_URL = url

  const alone = await run('whoami')
  const beside = await run('whoami', '--profile', 'here')

  expect([alone.exitCode, beside.exitCode]).toEqual([64, 64])
  expect(alone.told).toContain('LATCHKEY_URL holds more than where the service is')
  expect(alone.told + beside.told).not.toContain('s3cret')
})

test('a key that no header can hold is refused, and not shown', async () => {
  const { run, env } = await aUser()
  env.LATCHKEY_API_KEY = 'lk_two\nlines'

  const refused = await run('whoami')

  expect(refused).toMatchObject({ exitCode: 64, out: '' })
  expect(refused.told).not.toContain('lk_two')
})
