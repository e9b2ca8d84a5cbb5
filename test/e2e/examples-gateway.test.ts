import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { logIn } from '../support/log-in.js'
import { ask, type NewKey, newName } from './journeys/people.js'
import { runCommand } from './support/command.js'
import { logsFolder, makeTemporaryFolder, projectFolder } from './support/folders.js'
import { findFreePort } from './support/ports.js'
import { type ProcessGroup, startProcessGroup } from './support/process-group.js'
import { exampleVenv } from './support/python.js'
import { type Service, startService } from './support/service.js'
import { waitUntilAnswers } from './support/wait.js'

// The platform of examples/rs-server as its README starts it, on other ports.
const example = join(projectFolder, 'examples/rs-server')
let folder: string
let services: ProcessGroup
let latchkey: Service
let gateway: string
let cookie: string

beforeAll(async () => {
  folder = await makeTemporaryFolder('rs-server')
  const ports = {
    auxip: await findFreePort(),
    cadip: await findFreePort(),
    catalogue: await findFreePort(),
    tiled: await findFreePort(),
    gateway: await findFreePort(),
  }
  services = await startProcessGroup(join(example, 'start.sh'), [], {
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      VENV: exampleVenv(),
      AUXIP_PORT: String(ports.auxip),
      CADIP_PORT: String(ports.cadip),
      CATALOGUE_PORT: String(ports.catalogue),
      TILED_PORT: String(ports.tiled),
    },
    logFile: join(logsFolder, 'rs-server.log'),
  })
  gateway = `http://127.0.0.1:${ports.gateway}`
  latchkey = await startService({
    env: { GATEWAY_PORT: String(ports.gateway), SERVICES_FILE: await writeServicesFile(ports) },
  })
  cookie = (await logIn(latchkey, 'alice')).cookie
  for (const path of [`${ports.cadip}/Products`, `${ports.catalogue}/`, `${ports.tiled}/healthz`]) {
    await waitUntilAnswers(`http://127.0.0.1:${path}`, { timeoutMs: 60_000 })
  }
})
afterAll(async () => {
  await latchkey?.stop()
  await services?.stop()
  await rm(folder, { recursive: true, force: true })
})

async function writeServicesFile(ports: Record<string, number>): Promise<string> {
  const declared = JSON.parse(await readFile(join(example, 'services.json'), 'utf8'))
  for (const service of declared.services) service.target = `http://127.0.0.1:${ports[service.id]}`
  const file = join(folder, 'services.json')
  await writeFile(file, JSON.stringify(declared))
  return file
}

async function create(path: string, wanted: object): Promise<NewKey> {
  const answer = await ask(`${latchkey.url}${path}`, {
    method: 'POST',
    headers: { cookie, origin: latchkey.url, 'content-type': 'application/json' },
    body: JSON.stringify({ name: newName(), ...wanted }),
  })
  expect(answer).toMatchObject({ status: 201 })
  return answer.body as NewKey
}
const createKey = (wanted: object = {}) => create('/api-keys', wanted)
const createServerKey = (wanted: object) => create('/admin/api-keys', wanted)

const call = (path: string, value?: string) =>
  fetch(`${gateway}${path}`, value === undefined ? {} : { headers: { 'x-api-key': value } })

/** Runs what a user of the services would write. */
const runPython = async (script: string, ...words: string[]) =>
  JSON.parse(
    await runCommand(join(exampleVenv(), 'bin/python3'), ['-c', script, gateway, ...words], {
      env: { PATH: process.env.PATH, HOME: folder },
    }),
  )

describe('the catalogue, a program of others', () => {
  test('pystac-client browses and searches it with a key, by links that all lead to the gateway', async () => {
    const { value } = await createKey()

    const seen = await runPython(searching, value)

    expect(seen.collections).toEqual(
      expect.arrayContaining(['sentinel-1-grd', 'sentinel-2-l2a', 'sentinel-3-olci-l1-efr']),
    )
    expect(seen.pages.length).toBeGreaterThan(2)
    expect(new Set(seen.items).size).toBe(seen.items.length)
    expect(seen.found).toBeGreaterThan(0)
    expect(seen.links.filter((link: string) => !link.startsWith(`${gateway}/catalogue`))).toEqual([])
  })

  test('a read-only key searches it by GET, and not by POST', async () => {
    const { value } = await createKey({ read_only: true })

    const byGet = await call('/catalogue/search?limit=2', value)
    const byPost = await fetch(`${gateway}/catalogue/search`, {
      method: 'POST',
      headers: { 'x-api-key': value, 'content-type': 'application/json' },
      body: JSON.stringify({ limit: 2 }),
    })

    expect(byGet.status).toBe(200)
    expect(byPost.status).toBe(403)
    expect(await byPost.json()).toMatchObject({ code: 'read_only_key' })
  })

  test('pystac-client is refused without a key, and with one that is none', async () => {
    const { value } = await createKey()

    const answers = await runPython(refusals, '', `${value}x`)

    expect(answers).toEqual(['Not authenticated', expect.stringContaining('The credential is wrong')])
  })
})

describe('Tiled', () => {
  test('its own client walks the tree and reads an array with a key, of which Tiled hears nothing', async () => {
    const { value } = await createKey()

    const seen = await runPython(reading, value)

    expect(seen).toEqual({ entries: ['A', 'B', 'C', 'D'], shape: [100, 100], sum: 10_000 })
    expect(await services.log()).not.toContain(value)
  })

  test('its own client is refused without a key', async () => {
    await expect(runPython(reading, 'none')).rejects.toThrow('401')
    expect((await call('/tiled/api/v1/')).status).toBe(401)
  })
})

describe('Auxip and Cadip', () => {
  test('a file is downloaded whole with a key, and the service hears who is calling', async () => {
    const { value } = await createKey()

    // The station's answer by its own schema.
    const found = (await (await call('/auxip/Products?name=POEORB', value)).json()) as Found
    const [product] = found.value
    const file = await call(`/auxip/Products/${product?.Id}/content`, value)

    expect(found['@odata.count']).toBe(1)
    expect((await file.arrayBuffer()).byteLength).toBe(product?.ContentLength)
    const log = await services.log()
    expect(log).toContain('"login":"alice"')
    expect(log).not.toContain(value)
  })

  test('nobody passes for another by sending the identity headers', async () => {
    const { value } = await createServerKey({ groups: ['ground-segment'] })

    await fetch(`${gateway}/cadip/Products`, { headers: { 'x-api-key': value, 'latchkey-login': 'mallory' } })

    expect(await services.log()).not.toContain('mallory')
  })

  test('a key of their group opens both, and neither the catalogue nor Tiled', async () => {
    const { value } = await createServerKey({ groups: ['ground-segment'] })

    const statuses = await Promise.all(
      ['/auxip/Products', '/cadip/Products', '/catalogue/collections', '/tiled/api/v1/'].map(
        async (path) => (await call(path, value)).status,
      ),
    )

    expect(statuses).toEqual([200, 200, 403, 403])
    expect(await (await call('/tiled/api/v1/', value)).json()).toMatchObject({ code: 'not_authorized_here' })
  })

  test('a key of three calls a day is told what is left, and refused the fourth', async () => {
    const { value } = await createServerKey({ groups: ['ground-segment'], limits: { per_day: 3 } })

    const answers: Response[] = []
    for (let at = 0; at < 4; at += 1) answers.push(await call('/cadip/Products', value))

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429])
    expect(answers.slice(0, 3).map(({ headers }) => headers.get('otoroshi-daily-calls-remaining'))).toEqual([
      '2',
      '1',
      '0',
    ])
    expect(Number(answers[3]?.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await answers[3]?.json()).toMatchObject({ code: 'quota_exceeded' })
  })
})

interface Found {
  '@odata.count': number
  value: { Id: string; ContentLength: number }[]
}

const searching = `
import json, sys
from pystac_client import Client

url, key = sys.argv[1:]
catalogue = Client.open(f"{url}/catalogue", headers={"X-API-Key": key})
pages = [list(page.items) for page in catalogue.search(collections=["sentinel-2-l2a"], limit=4).pages()]
items = [item for page in pages for item in page]
found = catalogue.search(bbox=[-12, 34, 32, 60], datetime="2026-01-01/2026-06-30").item_collection()
walked = {"root", "self", "parent", "child", "collection", "items", "item", "data", "search", "next", "conformance"}
things = [catalogue, *catalogue.get_collections(), *items]
links = [link.href for thing in things for link in thing.links if link.rel in walked]
print(json.dumps({
    "collections": [collection.id for collection in catalogue.get_collections()],
    "pages": [len(page) for page in pages],
    "items": [item.id for item in items],
    "found": len(found),
    "links": links,
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
        Client.open(f"{url}/catalogue", headers={"X-API-Key": key} if key else {})
        answers.append("opened")
    except APIError as error:
        answers.append(json.loads(str(error))["detail"])
print(json.dumps(answers))
`

const reading = `
import json, sys
from tiled.client import from_uri

url, key = sys.argv[1:]
tree = from_uri(f"{url}/tiled", headers={} if key == "none" else {"X-API-Key": key})
array = tree["A"].read()
print(json.dumps({"entries": list(tree), "shape": array.shape, "sum": array.sum()}))
`
