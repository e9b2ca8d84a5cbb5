import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ask, type NewKey, newName } from './journeys/people.js'
import { runCommand } from './support/command.js'
import { requireInstalledPackage, requireKeycloak, requirePostgresql } from './support/environment.js'
import { logsFolder, projectFolder } from './support/folders.js'
import { type KeycloakAddress, logInByPassword } from './support/keycloak-client.js'
import { findFreePort } from './support/ports.js'
import { createDatabase } from './support/postgresql.js'
import { type ProcessGroup, startProcessGroup } from './support/process-group.js'
import { stacPython } from './support/python.js'
import { type Service, startService } from './support/service.js'
import { settingsFor } from './support/settings.js'

// A service elsewhere: in a project of its own, with the package as npm installs it, and a process of its own.
let project: string
let folder: string
let keycloak: KeycloakAddress
let settings: Record<string, string>
let latchkey: Service
let catalogue: ProcessGroup
let catalogueUrl: string
let token: string

beforeAll(async () => {
  keycloak = await requireKeycloak()
  settings = settingsFor(keycloak, await createDatabase(await requirePostgresql()))
  latchkey = await startService({ env: { ...settings, EXAMPLE_CATALOG: 'false' } })
  ;({ folder: project, ownFolder: folder } = await requireInstalledPackage('remote'))
  const port = await findFreePort()
  catalogueUrl = `http://127.0.0.1:${port}`
  catalogue = await startProgram(
    join(project, 'node_modules/latchkey/dist/examples/stac-catalog/server.js'),
    {
      PORT: String(port),
      LATCHKEY_URL: latchkey.url,
      OIDC_ISSUER: keycloak.issuer,
      OIDC_AUDIENCES: 'latchkey',
    },
  )
  await waitUntilItAsks(catalogueUrl)
  token = (await logInByPassword(keycloak, 'alice')).access_token
})
afterAll(async () => {
  await catalogue?.stop()
  await latchkey?.stop()
})

const startProgram = (file: string, env: Record<string, string>) =>
  startProcessGroup(process.execPath, [file], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
    logFile: join(logsFolder, `remote-${basename(file)}.log`),
  })

/** For a credential, which is the first thing that a started service does. */
const waitUntilItAsks = (url: string) =>
  vi.waitFor(async () => expect(await statusOf(url)).toBe(401), { timeout: 30_000, interval: 100 })

const manage = async (path: string, body: object) =>
  (
    await ask(`${latchkey.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  ).body
const createKey = async (wanted: object = {}) =>
  (await manage('/api-keys', { name: newName(), ...wanted })) as NewKey

const statusOf = async (url: string, headers: Record<string, string> = {}) =>
  (await ask(url, { headers })).status
const useKey = (value: string) => statusOf(`${catalogueUrl}/collections`, { 'x-api-key': value })

/** Runs what a user of the catalogue would write. */
const runPython = async (script: string, ...words: string[]) =>
  JSON.parse(await runCommand(stacPython(), ['-c', script, catalogueUrl, ...words]))

describe('the catalogue as a service of its own', () => {
  test('pystac-client browses it with a key: collections, items, and a search page by page', async () => {
    const { value } = await createKey({ read_only: true })

    const seen = await runPython(browsing, value)

    expect(seen).toMatchObject({
      id: 'latchkey-example',
      collections: expect.arrayContaining(['sentinel-2-l2a']),
      pages: expect.arrayContaining([4]),
    })
    expect(seen.pages.length).toBeGreaterThan(2)
    expect(new Set(seen.items).size).toBe(seen.matched)
    expect(seen.items).toHaveLength(seen.matched)
  })

  test('pystac-client is refused without a key, and with one that is none', async () => {
    const { value } = await createKey()

    const answers = await runPython(refusals, '', `${value}x`)

    expect(answers).toEqual(['Not authenticated', expect.stringContaining('The credential is wrong')])
  })

  test('a revoked key is refused there within the five seconds that a verdict is remembered', async () => {
    const { id, value } = await createKey()
    expect(await useKey(value)).toBe(200)

    await manage(`/api-keys/${id}/revoke`, {})
    const revokedAt = performance.now()
    await expect.poll(() => useKey(value), { timeout: 10_000, interval: 100 }).toBe(401)
    const tookMs = performance.now() - revokedAt

    expect(tookMs).toBeLessThan(6000)
    expect(await runPython(refusals, value)).toEqual([expect.stringContaining('The credential is wrong')])
  })

  test('a key in the URL opens it and stands in no log of it, nor in an answer', async () => {
    const { value } = await createKey()

    const answer = await ask(`${catalogueUrl}/search?limit=2&api_key=${value}`)
    await expect.poll(() => catalogue.log()).toContain('/search?limit=2"')

    expect(answer.status).toBe(200)
    expect(JSON.stringify(answer.body)).not.toContain(value)
    expect(await catalogue.log()).not.toContain(value)
  })

  test('a use there is shown to the owner of the key', async () => {
    const { id, value } = await createKey()
    await useKey(value)

    const readUsage = async () => {
      const answer = await ask(`${latchkey.url}/api-keys/${id}`, {
        headers: { authorization: `Bearer ${token}` },
      })
      return answer.body
    }

    await expect
      .poll(readUsage, { timeout: 15_000 })
      .toMatchObject({ usage: { total: 1, last_used_ip: '127.0.0.1', last_user_agent: 'latchkey-auth' } })
  })

  test('the token of a login is verified there, and one for another service refused', async () => {
    const foreign = (await logInByPassword(keycloak, 'alice', { client: 'admin-cli' })).access_token

    expect(await statusOf(catalogueUrl, { authorization: `Bearer ${token}` })).toBe(200)
    expect(await statusOf(catalogueUrl, { authorization: `Bearer ${foreign}` })).toBe(401)
  })

  test('Latchkey killed: keys in use and tokens go on, unknown keys are 503; back, all work again', async () => {
    const used = await createKey()
    const idle = await createKey()
    expect(await useKey(used.value)).toBe(200)

    await latchkey.kill()
    const until = performance.now() + 8000
    const statuses = new Set<number>()
    // Longer than its verdict is remembered where Latchkey answers.
    while (performance.now() < until) {
      statuses.add(await useKey(used.value))
      await delay(50)
    }
    const ofIdle = await ask(`${catalogueUrl}/collections`, { headers: { 'x-api-key': idle.value } })
    const ofToken = await statusOf(catalogueUrl, { authorization: `Bearer ${token}` })
    latchkey = await startService({ env: { ...settings, EXAMPLE_CATALOG: 'false' }, port: latchkey.port })

    expect([...statuses]).toEqual([200])
    expect(ofIdle).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    expect(ofToken).toBe(200)
    await expect.poll(() => useKey(idle.value), { timeout: 5000 }).toBe(200)
    expect(await useKey(used.value)).toBe(200)
  })
})

describe('the ten lines of README', () => {
  const [code = ''] =
    /(?<=```js\n)import Fastify[^`]*/.exec(readFileSync(join(projectFolder, 'README.md'), 'utf8')) ?? []

  test('are ten', () => {
    expect(code.split('\n').filter((line) => line !== '')).toHaveLength(10)
  })

  test('run as they stand, but for the addresses', async () => {
    const port = await findFreePort()
    const lines = code
      .replace('https://keys.example.org', latchkey.url)
      .replace('https://keycloak.example.org/realms/platform', keycloak.issuer)
      .replace('my-service', 'latchkey')
      .replace('4000', String(port))
    await writeFile(join(folder, 'readme.js'), lines)
    const { value } = await createKey()

    const program = await startProgram(join(folder, 'readme.js'), {})
    const items = `http://127.0.0.1:${port}/items`
    await waitUntilItAsks(items)
    const answer = await ask(items, { headers: { 'x-api-key': value } })
    await program.stop()

    expect(answer).toMatchObject({ status: 200, body: { owner: 'alice' } })
  })

  test('are typed: what a route says and who is calling', async () => {
    await writeFile(join(folder, 'typed.ts'), code + typedRoutes)
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['typed.ts'] }))
    const complaints = await runCommand(join(projectFolder, 'node_modules/.bin/tsc'), ['-p', folder]).catch(
      (error: Error) => error.message,
    )

    expect(complaints).toBe('')
  })
})

const compilerOptions = {
  noEmit: true,
  strict: true,
  module: 'nodenext',
  target: 'es2023',
  types: ['node'],
  typeRoots: [join(projectFolder, 'node_modules/@types')],
}

const typedRoutes = `
const scopes: readonly string[] = ['catalog_read']
app.get('/a', { config: { access: { scopes, by: 'login' } } }, ({ principal }) => principal.scopes.includes('a'))
// @ts-expect-error: a list of rights
app.get('/b', { config: { access: { scopes: 'a' } } }, () => '')
// @ts-expect-error: no such word
app.get('/c', { config: { access: { by: 'nobody' } } }, () => '')
// @ts-expect-error: shared between requests
app.get('/d', { config: { access: {} } }, ({ principal }) => { principal.subject = 'x' })
// @ts-expect-error: tokens would be anybody's
createRemoteAuth({ url: '', issuer: '' })
`

const browsing = `
import json, sys
from pystac_client import Client

url, key = sys.argv[1:]
catalog = Client.open(url, headers={"x-api-key": key})
search = catalog.search(collections=["sentinel-2-l2a"], limit=4)
pages = [list(page.items) for page in search.pages()]
print(json.dumps({
    "id": catalog.id,
    "collections": [collection.id for collection in catalog.get_collections()],
    "matched": search.matched(),
    "pages": [len(page) for page in pages],
    "items": [item.id for page in pages for item in page],
}))
`

const refusals = `
import json, sys
from pystac_client import Client
from pystac_client.exceptions import APIError

url, *keys = sys.argv[1:]
answers = []
for key in keys:
    try:
        Client.open(url, headers={"x-api-key": key} if key else {})
        answers.append("opened")
    except APIError as error:
        answers.append(json.loads(str(error))["detail"])
print(json.dumps(answers))
`
