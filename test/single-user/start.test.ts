import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createBrowser } from '../support/browser-flow.js'
import { type ServerProcess, startServer } from '../support/server-process.js'
import { findFreePort } from '../support/service.js'

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

// One process goes through its life, test by test; each start takes seconds.
let folder: string
let url: string
let server: ServerProcess
let key: string
let made: string
const browser = createBrowser()

const start = async (env: NodeJS.ProcessEnv = {}) => {
  server = startServer(folder, { SINGLE_USER: 'true', PORT: new URL(url).port, ...env })
  await server.prints('"msg":"ready"')
  await server.prints('Use the following URL: ')
}
const printedUrl = () => /Use the following URL: (\S+)/.exec(server.output())?.[1] ?? ''
const statusOf = async (value: string) =>
  (await fetch(`${url}/me`, { headers: { 'x-api-key': value } })).status
const isLoggedIn = async () => JSON.parse((await browser.request(`${url}/auth/session`)).body).login !== null

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-single-'))
  url = `http://127.0.0.1:${await findFreePort()}`
  await start()
  key = new URL(printedUrl()).searchParams.get('api_key') ?? ''
})
afterAll(async () => {
  server.signal('SIGKILL')
  await server.exited
  rmSync(folder, { recursive: true })
})

test('in an empty folder it prints a URL that opens the documentation logged in', async () => {
  const page = await browser.visit(printedUrl())

  expect(page).toMatchObject({ status: 200, url: new URL(`${url}/docs`) })
  expect(await isLoggedIn()).toBe(true)
  expect(server.complaints()).toBe('')
})

test('the key stands in what it prints once, for the person, and never in its log', async () => {
  await fetch(`${url}/catalog/collections?api_key=${key}`)
  await fetch(`${url}/${key}`)
  await server.prints('"url":"/[hidden]"')
  const lines = server.output().split('\n')

  expect(lines.filter((line) => line.includes(key))).toEqual([
    `    Use the following URL: ${url}/?api_key=${key}`,
  ])
  expect(lines.filter((line) => line.startsWith('{')).length).toBeGreaterThan(2)
})

test('killed and started again it has another key; what the single user made works, the session does not', async () => {
  const answer = await fetch(`${url}/api-keys`, {
    method: 'POST',
    headers: { 'x-api-key': key, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'kept' }),
  })
  made = ((await answer.json()) as { value: string }).value
  server.signal('SIGKILL')
  await server.exited

  await start()

  expect(new URL(printedUrl()).searchParams.get('api_key')).not.toBe(key)
  expect([await statusOf(key), await statusOf(made)]).toEqual([401, 200])
  expect(await isLoggedIn()).toBe(false)
})

test('a key that is given is not printed: it is good for longer than what is printed should be', async () => {
  const given = 'g'.repeat(40)
  server.signal('SIGTERM')
  expect(await server.exited).toEqual({ code: 0, signal: null })

  await start({ LATCHKEY_SINGLE_USER_API_KEY: given })

  expect(await statusOf(given)).toBe(200)
  expect(printedUrl()).toBe(`${url}/?api_key=$LATCHKEY_SINGLE_USER_API_KEY`)
  expect(server.output() + server.complaints()).not.toContain(given)
})

test.each<[string, NodeJS.ProcessEnv, string]>([
  [
    'others could reach it',
    { HOST: '0.0.0.0', PUBLIC_URL: 'http://127.0.0.1:3000' },
    'SINGLE_USER_ALLOW_REMOTE is required with SINGLE_USER when HOST is not a loopback address',
  ],
  [
    'it is meant for a database of others',
    { DATABASE_URL: 'postgres://u:pa55word@127.0.0.1:1/x', SESSION_SECRET: 's'.repeat(32) },
    'DATABASE_URL must not be set with SINGLE_USER',
  ],
  [
    'its key could be guessed',
    { LATCHKEY_SINGLE_USER_API_KEY: 'hush-hush' },
    'LATCHKEY_SINGLE_USER_API_KEY must be 32 to 200 letters, digits, underscores or hyphens',
  ],
])('it does not start where %s, and says why in one message', async (_why, env, fault) => {
  const empty = mkdtempSync(join(tmpdir(), 'latchkey-single-'))
  const wrong = startServer(empty, { SINGLE_USER: 'true', ...env })

  expect(await wrong.exited).toEqual({ code: 78, signal: null })
  expect(wrong.complaints()).toBe(`The service cannot start, its settings are wrong:\n  - ${fault}\n`)
  expect(wrong.complaints()).not.toMatch(/pa55word|hush/)
  expect([wrong.output(), readdirSync(empty)]).toEqual(['', []])
  rmSync(empty, { recursive: true })
})
