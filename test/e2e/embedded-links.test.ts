import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createBrowser, signIn } from '../support/browser-flow.js'
import { type ServerProcess, startServer } from '../support/server-process.js'
import { findFreePort } from '../support/service.js'
import { startUpstream, type Upstream } from '../support/upstream.js'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const run = promisify(execFile)
const browser = createBrowser()
let folder: string
let url: string
let server: ServerProcess
let rasters: Upstream
let id: string
let asked: string[] = []

async function ask(method: string, path: string, body?: object) {
  const answer = await browser.request(url + path, {
    method,
    headers: { origin: url, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`)
  return answer.body === '' ? null : JSON.parse(answer.body)
}
const link = async (path: string): Promise<string> =>
  (await ask('POST', `/api-keys/${id}/links`, { path, expires_in: 600 })).url

/** A GeoTIFF that GDAL made, in the parts that GDAL asks for; nothing lies beside it. */
async function serveRaster(): Promise<RequestListener> {
  const file = join(folder, 'scene.tif')
  const place = ['-a_srs', 'EPSG:4326', '-a_ullr', '0', '10', '10', '0']
  await run('gdal_create', [
    '-q',
    '-of',
    'GTiff',
    '-outsize',
    '600',
    '600',
    '-bands',
    '1',
    '-burn',
    '7',
    ...place,
    file,
  ])
  const tiff = await readFile(file)
  return ({ method = '', url: path = '', headers }, response) => {
    asked.push(`${method} ${path}`)
    if (path !== '/scene.tif') return response.writeHead(404).end()
    const [whole, from = '0', to = ''] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
    const part = tiff.subarray(Number(from), to === '' ? undefined : Number(to) + 1)
    const range = `bytes ${from}-${Number(from) + part.length - 1}/${tiff.length}`
    response.writeHead(whole === undefined ? 200 : 206, {
      ...{ 'content-type': 'image/tiff', 'content-length': part.length, 'accept-ranges': 'bytes' },
      ...(whole === undefined ? {} : { 'content-range': range }),
    })
    return response.end(method === 'HEAD' ? undefined : part)
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-links-'))
  const [port, gatewayPort] = [await findFreePort(), await findFreePort()]
  url = `http://127.0.0.1:${port}`
  rasters = await startUpstream(await serveRaster())
  server = startServer(folder, { PORT: String(port), GATEWAY_PORT: String(gatewayPort), LOG_LEVEL: 'info' })
  await server.prints('"msg":"ready"')
  const begun = await browser.request(`${url}/auth/login`)
  const authorizationUrl = begun.headers.get('location') ?? ''
  await browser.request(await signIn({ authorizationUrl, username: 'alice', password: 'alice-pw', browser }))
  await ask('POST', '/admin/groups', { id: 'data', name: 'Data' })
  const service = { id: 'data', name: 'Data', group: 'data', prefix: '/data', target: rasters.url }
  await ask('POST', '/admin/services', service)
})
beforeEach(async () => {
  id = (await ask('POST', '/api-keys', { name: crypto.randomUUID() })).id
  asked = []
})
afterAll(async () => {
  await rasters?.close()
  server?.signal('SIGTERM')
  await server?.exited
  rmSync(folder, { recursive: true })
})

/** Without what it keeps beside the file, and without what it remembers. */
const readByGdal = (file: string, env: Record<string, string> = {}) =>
  run('gdalinfo', ['-stats', '--config', 'GDAL_PAM_ENABLED', 'NO', `/vsicurl/${file}`], {
    env: { PATH: process.env.PATH, ...env },
  })

test('GDAL reads a raster through a link to it, in parts', async () => {
  const { stdout, stderr } = await readByGdal(await link('/data/scene.tif'), {
    GDAL_DISABLE_READDIR_ON_OPEN: 'EMPTY_DIR',
  })

  expect(stdout).toContain('Size is 600, 600')
  expect(stdout).toContain('STATISTICS_MEAN=7')
  expect(stderr).toBe('')
  expect(asked.length).toBeGreaterThan(3)
  expect(new Set(asked)).toEqual(new Set(['HEAD /scene.tif', 'GET /scene.tif']))
})

test('GDAL reads it through a link to its folder, where it looks for what lies beside it', async () => {
  const { stdout, stderr } = await readByGdal(`${await link('/data')}/scene.tif`)

  expect(stdout).toContain('STATISTICS_MEAN=7')
  expect(stderr).toBe('')
  expect(asked).toContain('HEAD /scene.tif.ovr')
})

test('GDAL reads nothing once the key is revoked, and the log holds no link', async () => {
  const file = await link('/data/scene.tif')
  await ask('POST', `/api-keys/${id}/revoke`, {})

  await expect(readByGdal(file)).rejects.toThrow('401')

  expect(asked).toEqual([])
  // The line comes through a pipe.
  await expect.poll(() => server.output(), { timeout: 10_000 }).toContain('"status":401')
  for (const part of (new URL(file).pathname.split('/')[2] ?? '').split('.')) {
    expect(server.output() + server.complaints()).not.toContain(part)
  }
})
