import { symlinkSync, writeFileSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createBrowser, signIn } from '../support/browser-flow.js'
import { makeTemporaryFolder } from './support/folders.js'
import { type Service, ServiceDidNotStart, startService } from './support/service.js'

let folder: string
let service: Service | undefined
const fileOf = (name: string) => join(folder, name)
const provider = (disabled: boolean) => JSON.stringify({ name: 'api-key', type: 'api-key', disabled })

beforeEach(async () => {
  folder = await makeTemporaryFolder('declared-files')
})
afterEach(async () => {
  await service?.stop()
  service = undefined
  await rm(folder, { recursive: true, force: true })
})

/** Calls as a person who is logged in, from a page of this site. */
async function logIn({ url }: Service) {
  const browser = createBrowser()
  const authorizationUrl =
    (await browser.request(`${url}/auth/login`)).headers.get('location') ?? 'no redirect'
  await browser.request(await signIn({ authorizationUrl, username: 'alice', password: 'alice-pw', browser }))
  return async (path: string, payload?: object) => {
    const { status, body } = await browser.request(`${url}${path}`, {
      headers: { origin: url, 'content-type': 'application/json' },
      ...(payload === undefined ? {} : { method: 'POST', body: JSON.stringify(payload) }),
    })
    return { status, json: JSON.parse(body) }
  }
}

test('keys go off and on with a mounted file, while who is logged in goes on', async () => {
  const mount = async (version: string, disabled: boolean) => {
    writeFileSync(fileOf(version), provider(disabled))
    symlinkSync(version, fileOf('next'))
    await rename(fileOf('next'), fileOf('api-key.json'))
  }
  await mount('v1', false)
  service = await startService({ env: { API_KEYS_PROVIDER_FILE: fileOf('api-key.json') } })
  const { url } = service
  const call = await logIn(service)
  const { value } = (await call('/api-keys', { name: 'followed' })).json
  const statusOf = async () =>
    (await fetch(`${url}/catalog/collections`, { headers: { 'x-api-key': value } })).status
  expect(await statusOf()).toBe(200)

  await mount('v2', true)
  await expect.poll(statusOf, { timeout: 5000, interval: 20 }).toBe(401)

  expect((await call('/me')).status).toBe(200)
  expect((await call('/api-keys', { name: 'late' })).json.code).toBe('keys_disabled')
  // Whoever replaces mounted files may send it to all who read some.
  process.kill(service.pid, 'SIGHUP')
  await rm(fileOf('api-key.json'))
  await expect.poll(() => service?.log()).toContain('ENOENT')
  expect(await statusOf()).toBe(401)
  await mount('v3', false)
  await expect.poll(statusOf, { timeout: 5000, interval: 20 }).toBe(200)
})

test('what rights mean is read anew on SIGHUP, and a bad file changes nothing', async () => {
  const write = (texts: unknown) => writeFileSync(fileOf('scopes.json'), JSON.stringify(texts))
  write({ 'rspy-user': 'Use the platform.' })
  service = await startService({ env: { SCOPES_FILE: fileOf('scopes.json') } })
  const { pid } = service
  const call = await logIn(service)
  const told = async () =>
    (await call('/scopes')).json.items.find(({ scope }: { scope: string }) => scope === 'rspy-user')
      ?.description
  expect(await told()).toBe('Use the platform.')

  write({ 'rspy-user': 'Use it.' })
  process.kill(pid, 'SIGHUP')
  await expect.poll(told).toBe('Use it.')
  write({ 'rspy-user': ['no', 'text'] })
  process.kill(pid, 'SIGHUP')
  await expect.poll(() => service?.log()).toContain('rspy-user must be string')

  expect(await told()).toBe('Use it.')
})

test.each([
  [
    'API_KEYS_PROVIDER_FILE',
    '{"name":"api-key","type":"api-key","disabled":"no"}',
    'disabled must be boolean',
  ],
  ['SCOPES_FILE', '[]', 'the file must be object'],
])('a bad %s stops the start, as a wrong setting does: %s', async (setting, content, fault) => {
  const file = fileOf('declared.json')
  writeFileSync(file, content)

  const start = startService({ env: { [setting]: file } })

  const failure = await start.then(
    () => undefined,
    (error: unknown) => error as ServiceDidNotStart,
  )
  expect(failure).toBeInstanceOf(ServiceDidNotStart)
  expect(failure?.exit).toEqual({ code: 78, signal: null })
  expect(failure?.log).toContain(`${setting} (${file}) cannot be used:\n  - ${fault}`)
  expect(failure?.log).not.toMatch(/^ +at /m)
})
