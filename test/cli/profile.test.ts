import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { aCommandLine, type CommandLine } from './command-line.js'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

describe('making a profile', () => {
  test('the first one is the one in use, named after its host', async () => {
    const { run } = await aCommandLine()

    const made = await run('profile', 'create', `${service.url}/`)

    expect(made).toMatchObject({ exitCode: 0, out: '' })
    expect(made.told).toContain('Next: latchkey login')
    expect((await run('profile', 'list')).out).toBe(`* 127.0.0.1  ${service.url}\n`)
  })

  test('a second one is not in use until it is said so', async () => {
    const { run } = await aCommandLine()
    await run('profile', 'create', service.url, '--name', 'here')
    await run('profile', 'create', service.url, '--name', 'there')

    const before = await run('profile', 'list', '--json')
    const used = await run('profile', 'use', 'there')
    const after = await run('profile', 'list')

    expect(JSON.parse(before.out)).toEqual([
      { name: 'here', url: service.url, inUse: true },
      { name: 'there', url: service.url, inUse: false },
    ])
    expect(used.exitCode).toBe(0)
    expect(after.out).toBe(`  here   ${service.url}\n* there  ${service.url}\n`)
  })

  test('what the service says of itself is kept for this user alone', async () => {
    const { run, folder } = await aCommandLine()
    await run('profile', 'create', service.url, '--name', 'here')

    const shown = await run('profile', 'show', '--json')

    expect(JSON.parse(shown.out)).toMatchObject({
      issuer: `${service.url}/dev-idp/realms/latchkey`,
      client: 'latchkey-cli',
      loggedIn: false,
    })
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    expect((await stat(join(folder, 'profiles.json'))).mode & 0o777).toBe(0o600)
    expect(await readdir(folder)).toEqual(['profiles.json'])
  })

  test('20 at once leave 20', async () => {
    const { run } = await aCommandLine()
    const names = Array.from({ length: 20 }, (_, index) => `profile-${index}`)

    const made = await Promise.all(names.map((name) => run('profile', 'create', service.url, '--name', name)))

    expect(made.map(({ exitCode }) => exitCode)).toEqual(names.map(() => 0))
    const listed = JSON.parse((await run('profile', 'list', '--json')).out)
    expect(listed.map(({ name }: { name: string }) => name)).toEqual([...names].sort())
    expect(listed.filter(({ inUse }: { inUse: boolean }) => inUse)).toHaveLength(1)
  })
})

describe('no profile is made', () => {
  test('of a name that is taken', async () => {
    const { run } = await aCommandLine()
    await run('profile', 'create', service.url)

    const refused = await run('profile', 'create', service.url)

    expect(refused.exitCode).toBe(64)
    expect(refused.told).toContain('there is a profile 127.0.0.1 already')
  })

  test.each(['..', 'a/b', '../a', 'Abc', '-a', '.a', 'a b', '', 'x'.repeat(64), '__proto__', 'é'])(
    'of the name %j, which could lead out of the folder or be another name elsewhere',
    async (name) => {
      const { run } = await aCommandLine()

      const refused = await run('profile', 'create', service.url, `--name=${name}`)

      expect(refused.exitCode).toBe(64)
      await expectNoProfile(run)
    },
  )

  test.each([
    'keys.example.org',
    'ftp://example.org',
    'https://me:pw@example.org',
    'https://example.org/?a=b',
    '',
  ])('of %j, which is no URL of a service', async (url) => {
    const { run } = await aCommandLine()

    const refused = await run('profile', 'create', url)

    expect(refused.exitCode).toBe(64)
    expect(refused.told).toContain('is no URL of a service')
    await expectNoProfile(run)
  })

  test('of plain http beyond this machine, and nothing is sent there', async () => {
    const { run } = await aCommandLine()

    const refused = await run('profile', 'create', 'http://keys.example.org')

    expect(refused.exitCode).toBe(64)
    expect(refused.told).toContain('plain http')
  })

  test('of what cannot be reached', async () => {
    const { run } = await aCommandLine()

    const refused = await run('profile', 'create', 'http://127.0.0.1:1')

    expect(refused).toMatchObject({ exitCode: 69, told: 'latchkey: http://127.0.0.1:1 cannot be reached\n' })
    await expectNoProfile(run)
  })

  test.each([
    ['a page', 200, 'text/html', '<title>latchkey_cli_client_id</title>'],
    ['a problem', 404, 'application/problem+json', '{}'],
    ['no object', 200, 'application/json', '["latchkey_cli_client_id"]'],
    ['half a document', 200, 'application/json', '{"resource":'],
    [
      'the metadata of another kind of service',
      200,
      'application/json',
      '{"resource":"SELF","authorization_servers":[]}',
    ],
  ])('of a service that answers %s', async (_what, status, type, body) => {
    const { run } = await aCommandLine()
    const url = await aStranger((self) => ({ status, type, body: body.replace('SELF', self) }))

    const refused = await run('profile', 'create', url)

    expect(refused).toMatchObject({ exitCode: 1, out: '' })
    expect(refused.told).toBe(`latchkey: ${url} is no Latchkey (it answered ${status})\n`)
    await expectNoProfile(run)
  })

  test('of a service that calls itself otherwise', async () => {
    const { run } = await aCommandLine()
    const url = await aStranger(() => metadata({ resource: service.url }))

    const refused = await run('profile', 'create', url)

    expect(refused.exitCode).toBe(1)
    expect(refused.told).toContain(`calls itself ${service.url}`)
    await expectNoProfile(run)
  })

  test('of a service whose people log in over plain http beyond this machine', async () => {
    const { run } = await aCommandLine()
    const url = await aStranger((self) =>
      metadata({ resource: self, authorization_servers: ['http://keycloak.example.org/realms/a'] }),
    )

    const refused = await run('profile', 'create', url)

    expect(refused.exitCode).toBe(64)
    expect(refused.told).toContain('http://keycloak.example.org/realms/a is plain http')
    await expectNoProfile(run)
  })

  test.each([
    ['authorization_servers', ['https://id.example/\u001b]0;x\u0007']],
    ['authorization_servers', ['https://id.example/\u009b31m']],
  ])('of a service whose %s are addresses that a terminal would obey', async (member, value) => {
    const { run } = await aCommandLine()
    const url = await aStranger((self) => metadata({ resource: self, [member]: value }))

    const refused = await run('profile', 'create', url)

    expect(refused).toMatchObject({ exitCode: 1, out: '' })
    expect(refused.told).toBe(`latchkey: ${url} does not say who logs people in\n`)
    await expectNoProfile(run)
  })

  test('of a service that sends elsewhere', async () => {
    const { run } = await aCommandLine()
    const url = await aStranger(() => ({ status: 302, type: 'text/plain', body: '', location: service.url }))

    expect(await run('profile', 'create', url)).toMatchObject({ exitCode: 1 })
  })
})

test('a service for one person is kept as one, and says what to do instead of a login', async () => {
  const { run, env } = await aCommandLine()
  const key = 'the-one-key-of-a-test-0123456789abcdef'
  const single = await startService({ SINGLE_USER: 'true', LATCHKEY_SINGLE_USER_API_KEY: key })
  onTestFinished(() => single.close())
  const made = await run('profile', 'create', single.url)

  const login = await run('login')
  const without = await run('whoami')
  env.LATCHKEY_API_KEY = key
  const withKey = await run('whoami')

  expect(made.told).toContain('Next: set LATCHKEY_API_KEY to its key')
  expect(login).toMatchObject({ exitCode: 64, out: '' })
  expect(login.told).toContain('set LATCHKEY_API_KEY')
  expect(without).toMatchObject({ exitCode: 77, out: '' })
  expect(without.told).toContain('set LATCHKEY_API_KEY')
  expect(withKey).toMatchObject({ exitCode: 0, told: '' })
})

describe('a profile', () => {
  test('that is deleted is gone, and none is in use then', async () => {
    const { run } = await aCommandLine()
    await run('profile', 'create', service.url, '--name', 'here')

    const deleted = await run('profile', 'delete', 'here')

    expect(deleted.exitCode).toBe(0)
    await expectNoProfile(run)
    expect(await run('whoami')).toMatchObject({ exitCode: 64 })
  })

  test.each(['use', 'delete', 'show'])('that is not there cannot be told to %s', async (verb) => {
    const { run } = await aCommandLine()
    await run('profile', 'create', service.url, '--name', 'here')

    const refused = await run('profile', verb, 'constructor')

    expect(refused).toMatchObject({ exitCode: 64, out: '' })
    expect(refused.told).toContain('there is no profile constructor')
    expect((await run('profile', 'list')).out).toContain('* here')
  })
})

describe('the file of the profiles', () => {
  test.each([
    ['is empty', ''],
    ['is cut off', '{"version":1,"inUse":"here","profi'],
    ['is of a later version', '{"version":2,"inUse":null,"profiles":{}}'],
    ['uses what is not there', '{"version":1,"inUse":"gone","profiles":{}}'],
    [
      'has a name that leads out',
      '{"version":1,"inUse":null,"profiles":{"../a":{"url":"https://a.example","login":null,"gatewayUrl":null,"isInsecure":false}}}',
    ],
    [
      'lacks a member',
      '{"version":1,"inUse":null,"profiles":{"a":{"url":"https://a.example","login":null,"isInsecure":false}}}',
    ],
    [
      'has another URL than http',
      '{"version":1,"inUse":null,"profiles":{"a":{"url":"file:///etc","login":null,"gatewayUrl":null,"isInsecure":false}}}',
    ],
  ])('that %s is told by its path, and left as it is', async (_what, text) => {
    const { run, folder } = await aCommandLine()
    await run('profile', 'create', service.url)
    const path = join(folder, 'profiles.json')
    await writeFile(path, text)

    const listed = await run('profile', 'list')
    const made = await run('profile', 'create', service.url, '--name', 'other')

    expect(listed).toMatchObject({ exitCode: 73, out: '' })
    expect(listed.told).toContain(`${path} is broken`)
    expect(made.exitCode).toBe(73)
    expect(await readFile(path, 'utf8')).toBe(text)
  })

  test.runIf(process.platform !== 'win32').each([0o644, 0o640, 0o620, 0o602])(
    'that others may open (%o) is refused, and told how to mend it',
    async (mode) => {
      const { run, folder } = await aCommandLine()
      await run('profile', 'create', service.url)
      const path = join(folder, 'profiles.json')
      await chmod(path, mode)

      const refused = await run('profile', 'list')

      expect(refused).toMatchObject({ exitCode: 73, out: '' })
      expect(refused.told).toContain(`chmod 600 '${path}'`)
    },
  )

  test.runIf(process.platform !== 'win32')('is refused in a folder that others may write in', async () => {
    const { run, folder } = await aCommandLine()
    await run('profile', 'create', service.url)
    await chmod(folder, 0o777)

    const refused = await run('profile', 'list')

    expect(refused).toMatchObject({ exitCode: 73, out: '' })
    expect(refused.told).toContain(`chmod 700 '${folder}'`)
  })

  test('is told where it cannot be made', async () => {
    const { run, folder, env } = await aCommandLine()
    await run('profile', 'create', service.url)
    env.LATCHKEY_CONFIG_DIR = join(folder, 'profiles.json', 'below')

    const refused = await run('profile', 'create', service.url)

    expect(refused.exitCode).toBe(73)
    expect(refused.told).toMatch(/^latchkey: cannot \w+ .*profiles\.json\/below.* \(ENOTDIR\)\n$/)
  })
})

async function expectNoProfile(run: CommandLine['run']) {
  expect(await run('profile', 'list')).toMatchObject({ exitCode: 0, out: '' })
}

interface Answer {
  status: number
  type: string
  body: string
  location?: string
}

function metadata(members: Record<string, unknown>): Answer {
  const document = { latchkey_cli_client_id: 'latchkey-cli', ...members }
  return { status: 200, type: 'application/json', body: JSON.stringify(document) }
}

/** A service that is none of ours. */
async function aStranger(answer: (self: string) => Answer): Promise<string> {
  const server = createServer((_request, response) => {
    const { status, type, body, location } = answer(self)
    response
      .writeHead(status, { 'content-type': type, ...(location === undefined ? {} : { location }) })
      .end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const self = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  onTestFinished(() => void server.close().closeAllConnections())
  return self
}
