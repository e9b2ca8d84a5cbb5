import { type ExecFileException, execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { readFile, rm, stat } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { logIn } from '../support/log-in.js'
import { startUpstream, type Upstream } from '../support/upstream.js'
import { ask, type NewKey, newName } from './journeys/people.js'
import { runCommand } from './support/command.js'
import { makeTemporaryFolder, projectFolder } from './support/folders.js'
import { findFreePort } from './support/ports.js'
import { exampleVenv } from './support/python.js'
import { type Service, startService } from './support/service.js'

// The files of examples/recipes as their page tells to run them, with a key and a service as `npm start` gives them.
const folder = join(projectFolder, 'examples/recipes')
const python = join(exampleVenv(), 'bin/python3')
let home: string
let latchkey: Service
let gateway: string
let rasters: Upstream
let cookie: string
let key: NewKey
let rasterCalls = 0

beforeAll(async () => {
  home = await makeTemporaryFolder('recipes')
  const port = await findFreePort()
  gateway = `http://127.0.0.1:${port}`
  latchkey = await startService({ env: { GATEWAY_PORT: String(port) } })
  cookie = (await logIn(latchkey, 'alice')).cookie
  key = (await manage('/api-keys', { name: newName() })) as NewKey
  rasters = await startUpstream(await serveRaster())
  await manage('/admin/groups', { id: 'data', name: 'Data' })
  const service = { id: 'data', name: 'Data', group: 'data', prefix: '/data', target: rasters.url }
  await manage('/admin/services', service)
})
afterAll(async () => {
  await rasters?.close()
  await latchkey?.stop()
  await rm(home, { recursive: true, force: true })
})

async function manage(path: string, body: object): Promise<unknown> {
  const answer = await ask(`${latchkey.url}${path}`, {
    method: 'POST',
    headers: { cookie, origin: latchkey.url, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  expect(answer).toMatchObject({ status: 201 })
  return answer.body
}

/** A GeoTIFF that GDAL made, in the parts that GDAL asks for. */
async function serveRaster(): Promise<RequestListener> {
  const file = join(home, 'scene.tif')
  const place = ['-a_srs', 'EPSG:4326', '-a_ullr', '0', '1', '1', '0']
  await runCommand('gdal_create', [
    '-q',
    '-of',
    'GTiff',
    '-outsize',
    '64',
    '32',
    '-bands',
    '1',
    ...place,
    file,
  ])
  const tiff = await readFile(file)
  return (request, response) => {
    rasterCalls += 1
    if (request.url !== '/scene.tif') return response.writeHead(404).end()
    const [, from = '0', to = ''] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    const part = tiff.subarray(Number(from), to === '' ? undefined : Number(to) + 1)
    const range = `bytes ${from}-${Number(from) + part.length - 1}/${tiff.length}`
    const headers = { 'content-type': 'image/tiff', 'content-length': part.length, 'accept-ranges': 'bytes' }
    if (to === '') response.writeHead(200, headers)
    else response.writeHead(206, { ...headers, 'content-range': range })
    return response.end(request.method === 'HEAD' ? undefined : part)
  }
}

interface Run {
  exitCode: number
  printed: string
  complaints: string
}

/** Runs a recipe in a home of its own. @param wishes of the environment, beside the service and the key */
async function run(command: string[], wishes: Record<string, string> = {}): Promise<Run> {
  const [program = '', ...args] = command
  const env = {
    ...{
      PATH: process.env.PATH,
      HOME: home,
      QT_QPA_PLATFORM: 'offscreen',
      QGIS_MASTER_PASSWORD: 'of the tests',
    },
    ...{ LATCHKEY_URL: latchkey.url, LATCHKEY_API_KEY: key.value, ...wishes },
  }
  return await new Promise((resolve) => {
    execFile(program, args, { cwd: folder, env }, (error: ExecFileException | null, printed, complaints) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), printed, complaints })
    })
  })
}

/** What each does is to read the first five of the catalogue, wherever that is. */
const readers: Record<string, (url: string) => string[]> = {
  'curl.sh': () => ['./curl.sh'],
  'wget.sh': () => ['./wget.sh'],
  'requests_key.py': () => [python, 'requests_key.py'],
  'httpx_key.py': () => [python, 'httpx_key.py'],
  'catalogue.mjs': () => [process.execPath, 'catalogue.mjs'],
  'gdal.sh': (url) => [
    './gdal.sh',
    'ogr2ogr',
    '-f',
    'GeoJSON',
    '/vsistdout/',
    `${url}/catalog/search?limit=5`,
  ],
}
const all: typeof readers = { ...readers, 'pystac_client_key.py': () => [python, 'pystac_client_key.py'] }

describe('netrc.sh', () => {
  let ownHome: string
  beforeAll(async () => {
    ownHome = await makeTemporaryFolder('netrc')
    await run(['./netrc.sh'], { HOME: ownHome })
  })
  afterAll(() => rm(ownHome, { recursive: true, force: true }))

  test('leaves a file that nobody else may read', async () => {
    const { mode } = await stat(join(ownHome, '.netrc'))

    expect(mode & 0o777).toBe(0o600)
  })

  test('refuses another key for a host that has one, which would go on being sent', async () => {
    const before = await readFile(join(ownHome, '.netrc'), 'utf8')

    const { exitCode, complaints } = await run(['./netrc.sh'], { HOME: ownHome })

    expect(exitCode).not.toBe(0)
    expect(complaints).toContain('has a key for 127.0.0.1 already')
    expect(await readFile(join(ownHome, '.netrc'), 'utf8')).toBe(before)
  })

  test.each([
    ['curl', (url: string) => ['curl', '--silent', '--netrc', url]],
    ['wget', (url: string) => ['wget', '--quiet', '--output-document', '-', url]],
    ['requests', (url: string) => [python, '-c', `import requests; print(requests.get('${url}').text)`]],
    [
      'httpx',
      (url: string) => [
        python,
        '-c',
        `import httpx; print(httpx.get('${url}', auth=httpx.NetRCAuth(None)).text)`,
      ],
    ],
  ])('is all that %s needs', async (_, command) => {
    const { printed } = await run(command(`${latchkey.url}/me`), { HOME: ownHome, LATCHKEY_API_KEY: '' })

    expect(JSON.parse(printed)).toMatchObject({ login: 'alice', key_id: key.id })
  })

  test('is all that GDAL needs for a raster behind the gateway', async () => {
    const raster = `/vsicurl/${gateway}/data/scene.tif`

    const { printed } = await run(['gdalinfo', raster], { HOME: ownHome, LATCHKEY_API_KEY: '' })
    const without = await run(['gdalinfo', raster], { LATCHKEY_API_KEY: '' })

    expect(printed).toContain('Size is 64, 32')
    expect(without.exitCode).not.toBe(0)
  })
})

describe('GDAL', () => {
  test('opens a raster behind the gateway with a key, and asks for nothing beside it', async () => {
    const before = rasterCalls

    const { printed } = await run(['./gdal.sh', 'gdalinfo', `/vsicurl/${gateway}/data/scene.tif`])

    expect(printed).toContain('Size is 64, 32')
    expect(rasterCalls - before).toBeLessThan(5)
  })

  test('finds the collections of the catalogue as layers', async () => {
    const { printed } = await run(['./gdal.sh', 'ogrinfo', `OAPIF:${latchkey.url}/catalog`])

    expect(printed).toContain('sentinel-2-l2a')
  })

  test('leaves no file with the key behind', async () => {
    const temporary = await makeTemporaryFolder('gdal')

    await run(['./gdal.sh', 'ogrinfo', `${latchkey.url}/catalog/none`], { TMPDIR: temporary })
    await run(['./wget.sh'], { TMPDIR: temporary })
    const left = readdirSync(temporary)
    await rm(temporary, { recursive: true })

    expect(left).toEqual([])
  })
})

// A gigabyte (`apt-get install python3-qgis`), so the gate has none, and goes by none that is there by chance.
const hasQgis = process.env.LATCHKEY_E2E_QGIS === 'true'
describe.skipIf(!hasQgis)('qgis_layers.py, where it is asked for', () => {
  const open = (wishes: Record<string, string> = {}) =>
    run(['/usr/bin/python3', 'qgis_layers.py'], { LATCHKEY_RASTER: `${gateway}/data/scene.tif`, ...wishes })

  test('opens features and a raster, and keeps the key sealed', async () => {
    const { printed } = await open()

    expect(printed).toBe('Sentinel-2: opened\nRaster: opened\n')
    expect(await readBelow(home)).not.toContain(key.value.split('_')[2])
  })

  test('opens neither with a key that is none', async () => {
    const { printed, exitCode } = await open({ LATCHKEY_API_KEY: `${key.value}x` })

    expect(printed).toBe('Sentinel-2: refused\nRaster: refused\n')
    expect(exitCode).toBe(1)
  })
})

/** All files below it, one after another. */
async function readBelow(top: string): Promise<string> {
  const files = readdirSync(top, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const texts = await Promise.all(
    files.map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1')),
  )
  return texts.join('\n')
}

/** The others stay where they are. */
const following = ['curl.sh', 'gdal.sh', 'requests_key.py', 'pystac_client_key.py']

test('each recipe is run here', () => {
  const files = readdirSync(folder).filter((name) => /\.(sh|py|mjs)$/.test(name))

  expect(files.sort()).toEqual([...Object.keys(all), 'netrc.sh', 'qgis_layers.py'].sort())
})

describe.each(Object.entries(readers))('%s', (_, command) => {
  test('reads with a key', async () => {
    const { features } = (await (await search()).json()) as { features: { id: string }[] }

    const { exitCode, printed } = await run(command(latchkey.url))

    expect(exitCode).toBe(0)
    expect(features).toHaveLength(5)
    for (const { id } of features) expect(printed).toContain(id)
  })
})

const search = () => fetch(`${latchkey.url}/catalog/search?limit=5`, { headers: { 'x-api-key': key.value } })

test('pystac_client_key.py searches with a key', async () => {
  const { exitCode, printed } = await run([python, 'pystac_client_key.py'])

  expect(exitCode).toBe(0)
  expect(printed.split('\n')).toContain('S2B_MSIL2A_20260929T094745_N0512_R122_T33TTG_20260929T141755')
})

describe('httpx_key.py, where there were too many calls,', () => {
  test.each([
    ['comes again when it may', '1', 2, 200],
    ['does not wait for a date, which proxies tell', 'Wed, 21 Oct 2026 07:28:00 GMT', 1, 429],
    ['does not wait for long', '3600', 1, 429],
  ])('%s', async (_what, retryAfter, calls, status) => {
    let seen = 0
    const busy = await startUpstream((_request, response) => {
      seen += 1
      response.writeHead(seen === 1 ? 429 : 200, { 'retry-after': retryAfter }).end('{"features":[]}')
    })

    const { exitCode, complaints } = await run([python, 'httpx_key.py'], { LATCHKEY_URL: busy.url })

    await busy.close()
    expect(seen).toBe(calls)
    expect(exitCode === 0).toBe(status === 200)
    if (status !== 200) expect(complaints).toContain(`${status} `)
  })
})

describe.each(Object.entries(all))('%s, where something is wrong', (recipe, command) => {
  let elsewhere: Upstream
  let redirecting: Upstream
  let watching: Upstream
  let shown: string[]
  beforeEach(async () => {
    shown = []
    elsewhere = await startUpstream()
    // Another name and another port: another host to whoever goes by one of them, or by both.
    const target = elsewhere.url.replace('127.0.0.1', 'localhost')
    redirecting = await startUpstream((request, response) => {
      shown.push(JSON.stringify(request.headers))
      response.writeHead(302, { location: `${target}${request.url}` }).end()
    })
    watching = await startUpstream((_request, response) => {
      shown.push(...listCommandLines())
      response.writeHead(404).end()
    })
  })
  afterEach(async () => {
    for (const upstream of [elsewhere, redirecting, watching]) await upstream.close()
  })

  test('fails with a key that is none, and prints none', async () => {
    const wrong = `${key.value.slice(0, -1)}~`

    const { exitCode, printed, complaints } = await run(command(latchkey.url), { LATCHKEY_API_KEY: wrong })

    expect(exitCode).not.toBe(0)
    expect(printed + complaints).not.toContain(wrong)
  })

  test('does not carry the key to where a redirect leads', async () => {
    await run(command(redirecting.url), { LATCHKEY_URL: redirecting.url })

    expect(shown.join()).toContain(key.value)
    expect(elsewhere.seen.length > 0).toBe(following.includes(recipe))
    expect(JSON.stringify(elsewhere.seen)).not.toContain(key.value)
  })

  test('shows the key in no list of processes', async () => {
    await run(command(watching.url), { LATCHKEY_URL: watching.url })

    expect(shown.filter((line) => line.includes(recipe))).not.toEqual([])
    expect(shown.filter((line) => line.includes(key.value))).toEqual([])
  })
})

/** Of every process of this machine. */
function listCommandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return ''
      }
    })
}
