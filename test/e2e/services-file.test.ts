import { writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createBrowser, signIn } from '../support/browser-flow.js'
import { makeTemporaryFolder } from './support/folders.js'
import { type Service, ServiceDidNotStart, startService } from './support/service.js'

let folder: string
let file: string
let service: Service | undefined

beforeEach(async () => {
  folder = await makeTemporaryFolder('services-file')
  file = join(folder, 'services.json')
})
afterEach(async () => {
  await service?.stop()
  service = undefined
  await rm(folder, { recursive: true, force: true })
})

const declare = (services: object[]) =>
  writeFileSync(file, JSON.stringify({ groups: [{ id: 'rs', name: 'RS-Server' }], services }))
const aService = (id: string, others = {}) => ({
  ...{ id, name: id, group: 'rs', prefix: `/${id}`, target: 'http://127.0.0.1:9' },
  ...others,
})
const env = () => ({ SERVICES_FILE: file, GATEWAY_PORT: 'off' })

/** The services by id, as an administrator sees them. */
async function openAdministration({ url }: Service) {
  const browser = createBrowser()
  const authorizationUrl =
    (await browser.request(`${url}/auth/login`)).headers.get('location') ?? 'no redirect'
  const people = { username: 'alice', password: 'alice-pw' }
  await browser.request(await signIn({ authorizationUrl, ...people, browser }))
  return async () => {
    const { body } = await browser.request(`${url}/admin/services`)
    return (JSON.parse(body).items as { id: string }[]).map(({ id }) => id).sort()
  }
}

const says = (text: string, times = 1) =>
  expect
    .poll(async () => (await service?.log())?.split(text).length, { timeout: 10_000 })
    .toBeGreaterThan(times)

test('a file is applied at the start and anew on SIGHUP, and a bad one changes nothing', async () => {
  declare([aService('auxip'), aService('cadip')])
  service = await startService({ env: env() })
  const list = await openAdministration(service)
  expect(await list()).toEqual(['auxip', 'cadip'])

  declare([aService('cadip'), aService('catalog')])
  process.kill(service.pid, 'SIGHUP')
  await says('the file of services is applied', 2)
  expect(await list()).toEqual(['cadip', 'catalog'])

  declare([aService('cadip', { prefix: 'no path' }), aService('catalog', { group: 'nowhere' })])
  process.kill(service.pid, 'SIGHUP')
  await says('the file of services is refused')
  expect(await service.log()).toContain('services.0.prefix must match pattern')
  expect(await list()).toEqual(['cadip', 'catalog'])

  declare([])
  process.kill(service.pid, 'SIGHUP')
  await says('the file of services is applied', 3)
  expect(await list()).toEqual([])
})

test('a bad file stops the start, with every fault by its place and the code of a wrong setting', async () => {
  declare([aService('auxip', { timeout_ms: 0, colour: 'red' }), aService('Cadip')])

  const start = startService({ env: env() })

  const failure = await start.then(
    () => undefined,
    (error: unknown) => error as ServiceDidNotStart,
  )
  expect(failure).toBeInstanceOf(ServiceDidNotStart)
  expect(failure?.exit).toEqual({ code: 78, signal: null })
  for (const fault of [
    `SERVICES_FILE (${file}) cannot be used:`,
    '  - services.0.colour is not a known member',
    '  - services.0.timeout_ms must be >= 1',
    '  - services.1.id must match pattern',
  ]) {
    expect(failure?.log).toContain(fault)
  }
  expect(failure?.log).not.toMatch(/^ +at /m)
})

test('a default group that nobody made stops the start', async () => {
  declare([])

  const start = startService({ env: { ...env(), DEFAULT_KEY_GROUPS: 'rs,elsewhere' } })

  await expect(start).rejects.toMatchObject({
    exit: { code: 78, signal: null },
    log: expect.stringContaining('DEFAULT_KEY_GROUPS cannot be used:\n  - elsewhere is no service group'),
  })
})
