import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { createBrowser, signIn } from './support/browser-flow.js'
import { copyDatabaseTo } from './support/database.js'
import { type ServerProcess, startServer } from './support/server-process.js'
import { findFreePort } from './support/service.js'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

// One process goes through its life, test by test; each start takes seconds.
let folder: string
let port: number
let url: string
let server: ServerProcess
const browser = createBrowser()
const key = { id: '', value: '' }

const start = async (env: NodeJS.ProcessEnv = {}) => {
  server = startServer(folder, { PORT: String(port), ...env })
  await server.prints('"msg":"ready"')
}
const callWithKey = () => fetch(`${url}/catalog/collections`, { headers: { 'x-api-key': key.value } })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-server-'))
  port = await findFreePort()
  url = `http://127.0.0.1:${port}`
  await start()
})
afterAll(async () => {
  server.signal('SIGKILL')
  await server.exited
  rmSync(folder, { recursive: true })
})

test('in an empty folder it starts with nothing but Node, and tells where to go and with what', async () => {
  await server.prints('/catalog/collections')

  const welcome = server.output()
  expect(welcome).toContain(`Open ${url}/docs`)
  expect(welcome).toContain('Log in as alice / alice-pw   bob / bob-pw')
  expect(welcome).toContain(`curl -H 'X-API-Key: YOUR_KEY' ${url}/catalog/collections`)
  expect(welcome).toContain('for development only')
  expect(server.complaints()).toBe('')
})

test('all it prints is its log and that welcome, and nothing of the libraries that it loads', () => {
  const lines = server
    .output()
    .split('\n')
    .filter((line) => line !== '')

  const [log, told] = [
    lines.filter((line) => line.startsWith('{')),
    lines.filter((line) => !line.startsWith('{')),
  ]
  for (const line of log) expect(JSON.parse(line)).toHaveProperty('msg')
  expect(told).toHaveLength(5)
  expect(told[0]).toMatch(/^ {2}Latchkey is ready/)
})

test('all it writes is one folder that nobody else may look into', () => {
  expect(readdirSync(folder)).toEqual(['data'])
  expect(statSync(join(folder, 'data')).mode & 0o777).toBe(0o700)
  expect(statSync(join(folder, 'data', 'secrets.json')).mode & 0o777).toBe(0o600)
})

test('one logs in as it says, makes a key, and the command that it prints works', async () => {
  const begun = await browser.request(`${url}/auth/login`)
  const authorizationUrl = begun.headers.get('location') ?? ''
  await browser.request(await signIn({ authorizationUrl, username: 'bob', password: 'bob-pw', browser }))

  const made = await browser.request(`${url}/api-keys`, {
    method: 'POST',
    body: JSON.stringify({ name: 'first' }),
    headers: { 'content-type': 'application/json', origin: url },
  })
  Object.assign(key, JSON.parse(made.body))

  expect(made.status).toBe(201)
  expect((await callWithKey()).status).toBe(200)
  expect(server.output()).not.toContain(key.value)
})

test('no cookie of a session and no secret of its own is in what it prints', () => {
  const session = browser.cookies.find(({ name }) => name === 'latchkey_session')?.value ?? 'none'
  const own = JSON.parse(readFileSync(join(folder, 'data', 'secrets.json'), 'utf8'))

  expect(session).not.toBe('none')
  for (const secret of [session, own.sessionSecret, own.embeddedClientSecret, own.signingKey.d]) {
    expect(server.output()).not.toContain(secret)
  }
})

test('a second process on its folder is refused and told why', async () => {
  const second = startServer(folder, { PORT: String(await findFreePort()) })

  expect(await second.exited).toEqual({ code: 1, signal: null })
  expect(second.complaints()).toMatch(
    new RegExp(`^The database folder .* is in use by process ${server.pid}\\.`),
  )
  expect(second.complaints()).not.toMatch(/^ {4}at /m)
  expect((await callWithKey()).status).toBe(200)
})

test.each<[string, (taken: number, free: number) => NodeJS.ProcessEnv, string]>([
  ['service', (taken) => ({ PORT: `${taken}` }), 'PORT'],
  ['gateway', (taken, free) => ({ PORT: `${free}`, GATEWAY_PORT: `${taken}` }), 'GATEWAY_PORT'],
])(
  'a port of the %s that is taken is told in one sentence, before anything is written',
  async (name, env, setting) => {
    const empty = mkdtempSync(join(tmpdir(), 'latchkey-server-'))
    const second = startServer(empty, env(port, await findFreePort()))

    expect(await second.exited).toEqual({ code: 1, signal: null })
    expect(second.complaints()).toBe(
      `The ${name} cannot listen on 127.0.0.1 port ${port}: another program listens there; stop it, or choose another ${setting}\n`,
    )
    expect(second.output()).toBe('')
    expect(readdirSync(empty)).toEqual([])
    rmSync(empty, { recursive: true })
  },
)

test('secrets that cannot be read stop it in one sentence without them, and the folder is given back', async () => {
  const other = mkdtempSync(join(tmpdir(), 'latchkey-server-'))
  copyDatabaseTo(join(other, 'data'))
  writeFileSync(join(other, 'data', 'secrets.json'), '{"sessionSecret":"half of a secr')
  const third = startServer(other, { PORT: String(await findFreePort()) })

  expect(await third.exited).toEqual({ code: 1, signal: null })
  expect(third.complaints()).toMatch(/^The secrets in .* are not valid JSON\. Restore the file/)
  expect(third.complaints()).not.toMatch(/half of|^ {4}at /m)
  expect(existsSync(join(other, 'data', 'db.lock'))).toBe(false)
  rmSync(other, { recursive: true })
})

test('wrong settings stop it before it writes anything, all in one message', async () => {
  const empty = mkdtempSync(join(tmpdir(), 'latchkey-server-'))
  const wrong = startServer(empty, { PORT: 'http', TRUST_PROXY: '1', NODE_ENV: 'production' })

  expect(await wrong.exited).toEqual({ code: 78, signal: null })
  expect(wrong.complaints()).toBe(
    [
      'The service cannot start, its settings are wrong:',
      '  - PORT must be a whole number',
      '  - OIDC_ISSUER is required when NODE_ENV is production',
      '  - TRUST_PROXY must list addresses or CIDR ranges, not a number of hops',
      '',
    ].join('\n'),
  )
  expect(wrong.output()).toBe('')
  expect(readdirSync(empty)).toEqual([])
  rmSync(empty, { recursive: true })
})

test('a folder that cannot be used is told in one sentence', async () => {
  const other = mkdtempSync(join(tmpdir(), 'latchkey-server-'))
  writeFileSync(join(other, 'file'), '')
  const wrong = startServer(other, {
    PORT: String(await findFreePort()),
    DATA_DIR: join(other, 'file', 'data'),
  })

  expect(await wrong.exited).toEqual({ code: 1, signal: null })
  expect(wrong.complaints()).toBe(
    `The service cannot use the folder ${join(other, 'file', 'data')} (DATA_DIR): a part of the path is a file\n`,
  )
  expect(wrong.output()).toBe('')
  expect(readdirSync(other)).toEqual(['file'])
  rmSync(other, { recursive: true })
})

test.each([
  ['refuses connections', findFreePort, 'connect ECONNREFUSED'],
  ['takes connections and says nothing', listenSilently, 'timeout expired'],
])('a database that %s is told in one sentence without its password', async (_how, findPort, reason) => {
  const empty = mkdtempSync(join(tmpdir(), 'latchkey-server-'))
  const lost = startServer(empty, {
    DATABASE_URL: `postgres://latchkey:pa55word@127.0.0.1:${await findPort()}/latchkey`,
    SESSION_SECRET: 's'.repeat(32),
    OIDC_ISSUER: 'http://127.0.0.1:1/realms/x',
    OIDC_CLIENT_SECRET: 'hush-hush',
  })

  expect(await lost.exited).toEqual({ code: 1, signal: null })
  expect(lost.complaints()).toMatch(new RegExp(`^The database cannot be reached: ${reason}[^\\n]*\\n$`))
  expect(lost.complaints()).not.toMatch(/pa55word|hush/)
  expect(lost.output()).toBe('')
  rmSync(empty, { recursive: true })
})

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('%s during the start ends the process itself, as in a container', async (signal, code) => {
  const empty = mkdtempSync(join(tmpdir(), 'latchkey-server-'))
  const asked = createServer((socket) => void socket.resume().on('error', () => {})).listen(0, '127.0.0.1')
  onTestFinished(() => void asked.close())
  await once(asked, 'listening')
  const starting = startServer(empty, {
    DATABASE_URL: `postgres://latchkey@127.0.0.1:${(asked.address() as AddressInfo).port}/latchkey`,
    SESSION_SECRET: 's'.repeat(32),
    OIDC_ISSUER: 'http://127.0.0.1:1/realms/x',
    OIDC_CLIENT_SECRET: 'hush-hush',
  })
  await once(asked, 'connection')

  starting.signal(signal)

  expect(await starting.exited).toEqual({ code, signal: null })
  expect(starting.complaints()).toBe('')
  rmSync(empty, { recursive: true })
})

test('SIGTERM lets a request that is under way end, keeps the counters, and exits with 0', async () => {
  const calls = await Promise.all([1, 2, 3, 4, 5].map(callWithKey))
  const body = JSON.stringify({ name: 'slow' })
  const slow = httpRequest(`${url}/api-keys`, {
    method: 'POST',
    headers: {
      cookie: browser.cookies.map(({ name, value }) => `${name}=${value}`).join('; '),
      origin: url,
      'content-type': 'application/json',
      'content-length': body.length,
    },
  })
  slow.write(body.slice(0, 5))
  // As browsers open one ahead: nothing is ever said on it.
  const mute = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {})
  await once(mute, 'connect')
  await new Promise((resolve) => setTimeout(resolve, 200))

  server.signal('SIGTERM')
  // Kept connections are good for one more answer until then.
  await new Promise((resolve) => setTimeout(resolve, 800))
  const refused = await callWithKey().catch((error: Error) => error)
  slow.end(body.slice(5))
  const [answer] = await once(slow, 'response')
  answer.resume()

  expect(calls.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
  expect(refused).toBeInstanceOf(Error)
  expect(answer.statusCode).toBe(201)
  expect(await server.exited).toEqual({ code: 0, signal: null })
  expect(existsSync(join(folder, 'data', 'db.lock'))).toBe(false)
})

test('started again it knows the keys, the counters and the sessions', async () => {
  await start()

  const list = JSON.parse((await browser.request(`${url}/api-keys`)).body)

  expect(list.items.map(({ name }: { name: string }) => name)).toEqual(['slow', 'first'])
  // The calls of the tests above: 1, 1 and 5.
  expect(list.items[1].usage.total).toBe(7)
  expect(JSON.stringify(list)).not.toContain(key.value)
})

test('killed in the middle it starts again, and what it had acknowledged is there', async () => {
  const made = await browser.request(`${url}/api-keys`, {
    method: 'POST',
    body: JSON.stringify({ name: 'just before' }),
    headers: { 'content-type': 'application/json', origin: url },
  })
  const { value } = JSON.parse(made.body)

  server.signal('SIGKILL')
  await server.exited
  await start()

  const me = await fetch(`${url}/me`, { headers: { 'x-api-key': value } })
  expect(made.status).toBe(201)
  expect(me.status).toBe(200)
  expect((await callWithKey()).status).toBe(200)
})

/** @returns the port of a server that never answers, until the end of the test */
async function listenSilently(): Promise<number> {
  const silent = createServer((socket) => void socket.resume().on('error', () => {})).listen(0, '127.0.0.1')
  onTestFinished(() => void silent.close())
  await once(silent, 'listening')
  return (silent.address() as AddressInfo).port
}
