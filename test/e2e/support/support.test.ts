import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openBrowser, type TestBrowser } from './browser.js'
import { runCommand } from './command.js'
import { requireKeycloak, requirePostgresql } from './environment.js'
import { screenshotsFolder } from './folders.js'
import {
  askAdmin,
  type KeycloakAddress,
  logInAsServiceAccount,
  logInByPassword,
  requireUserId,
  setEnabled,
} from './keycloak-client.js'
import { findFreePort } from './ports.js'
import { createDatabase, type PostgresqlAddress, runSql, startPostgresql } from './postgresql.js'
import { requirePython } from './python.js'
import { ServiceDidNotStart, startService } from './service.js'

describe('Chromium', () => {
  let browser: TestBrowser
  let site: Server
  let origin: string
  beforeAll(async () => {
    browser = await openBrowser('support')
    const port = await findFreePort()
    site = await startSite(port)
    origin = `http://127.0.0.1:${port}`
  })
  afterAll(async () => {
    await browser.close()
    site.close()
  })

  test('opens a page, takes its picture and has nothing to complain of', async () => {
    const visitor = await browser.newVisitor()

    await visitor.page.goto(`${origin}/quiet`)
    const picture = await browser.screenshot(visitor.page, 'quiet')

    expect(await visitor.page.title()).toBe('Quiet')
    expect(visitor.listProblems()).toEqual([])
    expect(picture).toBe(join(screenshotsFolder, 'support', '01-quiet.png'))
    expect(existsSync(picture)).toBe(true)
    await visitor.close()
  })

  test('tells of errors in the console, exceptions and violations of the policy, popups included', async () => {
    const visitor = await browser.newVisitor()

    await visitor.page.goto(`${origin}/loud?secret=1`)
    const popup = visitor.context.waitForEvent('page')
    await visitor.page.click('a')
    await (await popup).waitForLoadState()

    await expect
      .poll(() => visitor.listProblems(`${origin}/loud`).map(({ kind }) => kind))
      .toContain('exception')
    await expect.poll(() => visitor.listProblems(`${origin}/popup`).map(({ kind }) => kind)).toContain('csp')
    const problems = visitor.listProblems()
    expect(problems).toContainEqual({
      kind: 'console',
      page: `${origin}/loud`,
      text: expect.stringMatching(/^wrong/),
    })
    expect(JSON.stringify(problems)).not.toContain('secret')
    expect(visitor.listProblems('http://elsewhere.test')).toEqual([])
    await visitor.close()
  })

  test('starts every visitor without cookies', async () => {
    const first = await browser.newVisitor()
    await first.context.addCookies([{ name: 'seen', value: 'yes', url: origin }])
    const second = await browser.newVisitor()

    expect(await first.context.cookies()).toHaveLength(1)
    expect(await second.context.cookies()).toEqual([])
    await first.close()
    await second.close()
  })
})

const PAGES: Record<string, string> = {
  '/quiet': '<title>Quiet</title>',
  '/loud': `<script nonce=good>console.error('wrong'); setTimeout(() => { throw new Error('worse') })</script>
    <a href=/popup target=_blank>popup</a>`,
  '/popup': '<title>Popup</title><script>console.log("inline")</script>',
}

describe('a started service', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latchkey-stand-in-'))
  })
  afterAll(async () => await rm(folder, { recursive: true, force: true }))

  test('gets a port and a folder of its own, ends with 0 and leaves nothing', async () => {
    const service = await startService({ entry: await writeStandIn(GOOD), env: { GREETING: 'good day' } })

    const answer = await fetch(`${service.url}/health/ready`)
    await service.stop()

    expect(answer.status).toBe(200)
    expect(await service.log()).toContain('good day')
    expect(existsSync(service.folder)).toBe(false)
    expect(isRunning(service.pid)).toBe(false)
    await expect(fetch(service.url)).rejects.toThrow()
  })

  test('does not inherit the settings of whoever runs the tests', async () => {
    process.env.GREETING = 'from outside'

    const service = await startService({ entry: await writeStandIn(GOOD) })
    await service.stop()

    expect(await service.log()).not.toContain('from outside')
    delete process.env.GREETING
  })

  test('can be killed and started again on the same folder', async () => {
    const entry = await writeStandIn(GOOD)
    const first = await startService({ entry, folder })
    await first.kill()

    const second = await startService({ entry, folder, port: first.port })
    await second.stop()

    expect(isRunning(first.pid)).toBe(false)
    expect(await readFile(join(folder, 'starts'), 'utf8')).toBe('..')
  })

  test('that ends while it starts is reported with its exit code and its log', async () => {
    const start = startService({ entry: await writeStandIn("console.log('no issuer'); process.exit(3)") })

    await expect(start).rejects.toThrow(ServiceDidNotStart)
    await expect(start).rejects.toMatchObject({ exit: { code: 3 }, log: 'no issuer\n' })
  })

  test('that does not end with 0 fails the test', async () => {
    const service = await startService({ entry: await writeStandIn(GOOD.replace('exit(0)', 'exit(1)')) })

    await expect(service.stop()).rejects.toThrow('ended with 1 instead of 0')
  })

  async function writeStandIn(code: string): Promise<string> {
    const entry = join(folder, 'server.mjs')
    await writeFile(entry, code)
    return entry
  }
})

const GOOD = `
import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'
appendFileSync('starts', '.')
console.log(process.env.GREETING)
const answer = (request, response) => response.end('{}')
setTimeout(() => createServer(answer).listen(process.env.PORT, '127.0.0.1'), 300)
process.on('SIGTERM', () => process.exit(0))
`

describe('what a test started', () => {
  test('ends with the test process, frozen or not, and its folder goes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-guarded-'))
    const group = spawn('sleep', ['30'], { detached: true, stdio: 'ignore' })
    const guard = spawn('sh', [join(import.meta.dirname, 'guard.sh'), String(group.pid), 'TERM', folder])
    group.kill('SIGSTOP')

    // What the kernel does to the pipe when the test process dies.
    guard.stdin.end()
    await once(guard, 'exit')

    expect(group.signalCode).toBe('SIGTERM')
    expect(existsSync(folder)).toBe(false)
  })

  test('is left alone by a guard that was dismissed', async () => {
    const group = spawn('sleep', ['30'], { detached: true, stdio: 'ignore' })
    const guard = spawn('sh', [join(import.meta.dirname, 'guard.sh'), String(group.pid), 'TERM'])

    guard.stdin.end('\n')
    const [code] = await once(guard, 'exit')

    expect(code).toBe(0)
    expect(group.exitCode ?? group.signalCode).toBeNull()
    group.kill()
  })
})

describe('PostgreSQL', () => {
  let shared: PostgresqlAddress
  beforeAll(async () => {
    shared = await requirePostgresql()
  })

  test('answers, durable and far from UTC, a role without special rights', async () => {
    const [row] = await runSql(
      shared.url,
      `SELECT current_user AS role, current_setting('fsync') AS fsync, current_setting('TimeZone') AS zone,
        current_setting('listen_addresses') AS host, rolsuper FROM pg_roles WHERE rolname = current_user`,
    )

    expect(row).toEqual({
      role: 'latchkey',
      fsync: 'on',
      zone: 'Pacific/Auckland',
      host: '127.0.0.1',
      rolsuper: false,
    })
  })

  test('refuses a wrong password', async () => {
    const wrong = new URL(shared.url)
    wrong.password = 'wrong'

    await expect(runSql(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed')
  })

  test('gives a test a database of its own', async () => {
    const url = await createDatabase(shared)

    await runSql(url, 'CREATE TABLE mine (id int)')

    expect(await runSql(shared.url, "SELECT to_regclass('mine') AS found")).toEqual([{ found: null }])
  })

  test('can be frozen, crashed and started again without losing a row, and then leaves nothing', async () => {
    const server = await startPostgresql()
    await runSql(server.url, 'CREATE TABLE kept AS SELECT 1 AS id')

    await server.pause()
    await expect(runSql(server.url, 'SELECT 1')).rejects.toThrow(/timeout/)
    await server.resume()
    await expect(runSql(server.url, 'SELECT 1')).resolves.toHaveLength(1)
    await server.crash()
    await expect(runSql(server.url, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/)
    await server.restart()
    const rows = await runSql(server.url, 'SELECT id FROM kept')
    await server.pause()
    await server.stop()

    expect(rows).toEqual([{ id: 1 }])
    await expect(runSql(server.url, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/)
  })
})

describe('Keycloak', () => {
  let keycloak: KeycloakAddress
  beforeAll(async () => {
    keycloak = await requireKeycloak()
  })

  test('gives alice a token for latchkey with her roles and attributes', async () => {
    const { access_token } = await logInByPassword(keycloak, 'alice')
    const claims = decodeJwt(access_token)

    expect(Number(claims.exp) - Number(claims.iat)).toBe(300)
    expect(claims).toMatchObject({
      iss: keycloak.issuer,
      typ: 'Bearer',
      azp: 'latchkey',
      preferred_username: 'alice',
      name: 'Alice Liddell',
      email: 'alice@example.test',
      department: 'ops',
      realm_access: { roles: expect.arrayContaining(['rspy-user', 'latchkey-admin']) },
      resource_access: { latchkey: { roles: expect.arrayContaining(['catalog_read', 'catalog_write']) } },
    })
    expect([claims.aud].flat()).toContain('latchkey')
  })

  test('gives bob a token of another service that reaches latchkey, without the rights of alice', async () => {
    const { access_token } = await logInByPassword(keycloak, 'bob', { client: 'other-service' })
    const claims = decodeJwt(access_token)

    expect(claims).toMatchObject({ azp: 'other-service', preferred_username: 'bob', department: 'sales' })
    expect([claims.aud].flat()).toContain('latchkey')
    expect(JSON.stringify(claims)).not.toMatch(/latchkey-admin|catalog_write/)
  })

  test('refuses a wrong password', async () => {
    const attempt = logInByPassword(keycloak, 'alice', { password: 'bob-pw' })

    await expect(attempt).rejects.toThrow('invalid_grant')
  })

  test('lets the service account look up people, and nothing more', async () => {
    const { access_token } = await logInAsServiceAccount(keycloak)
    const ask = async (method: string, path: string) =>
      await fetch(`${keycloak.adminUrl}${path}`, {
        method,
        headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
        ...(method === 'GET' ? {} : { body: '{}' }),
      })

    const users = await ask('GET', '/users?enabled=true')
    const create = await ask('POST', '/users')

    expect(users.status).toBe(200)
    expect(await users.text()).toMatch(/"username":"alice".*"username":"bob"/s)
    expect(create.status).toBe(403)
  })

  test('can disable a person and enable them again, who is unchanged then', async () => {
    const id = await requireUserId(keycloak, 'bob')
    const before = await askAdmin(keycloak, 'GET', `/users/${id}`)

    await setEnabled(keycloak, 'bob', false)
    await expect(logInByPassword(keycloak, 'bob')).rejects.toThrow('Account disabled')
    await setEnabled(keycloak, 'bob', true)

    expect(await askAdmin(keycloak, 'GET', `/users/${id}`)).toEqual(before)
    expect(before).toMatchObject({ attributes: { department: ['sales'] }, email: 'bob@example.test' })
    await expect(logInByPassword(keycloak, 'bob')).resolves.toBeDefined()
  })

  test('shows its login page in Chromium to whoever comes with a challenge (PKCE), and to nobody else', async () => {
    const browser = await openBrowser('support')
    const { page, close } = await browser.newVisitor()
    const port = await findFreePort()
    const site = await startSite(port)
    const login = new URL(`${keycloak.issuer}/protocol/openid-connect/auth`)
    login.search = new URLSearchParams({
      client_id: 'latchkey-swagger',
      response_type: 'code',
      scope: 'openid',
      redirect_uri: `http://127.0.0.1:${port}/any/path`,
      code_challenge_method: 'S256',
    }).toString()

    await page.goto(login.href)
    expect(page.url()).toContain('error=invalid_request')
    login.searchParams.set('code_challenge', 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM')
    await page.goto(login.href)
    await page.fill('#username', 'alice')
    await page.fill('#password', 'alice-pw')
    await browser.screenshot(page, 'keycloak-login')
    await page.click('#kc-login')
    await page.waitForURL(/[?&]code=/)

    await close()
    await browser.close()
    site.close()
  })
})

test('a Python with requests is found', async () => {
  const python = await requirePython()

  expect(await runCommand(python, ['-c', 'import requests; print("ok")'])).toBe('ok\n')
})

async function startSite(port: number): Promise<Server> {
  const site = createServer((request, response) => {
    response.setHeader('content-type', 'text/html')
    response.setHeader('content-security-policy', "default-src 'self'; script-src 'nonce-good'")
    response.end(PAGES[request.url?.split('?')[0] ?? ''] ?? '<title>Elsewhere</title>')
  }).listen(port, '127.0.0.1')
  await once(site, 'listening')
  return site
}

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`)
}
