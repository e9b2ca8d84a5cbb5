import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { Client } from 'undici'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type EchoServer, startEchoServers } from './support/echo-servers.js'
import { makeTemporaryFolder } from './support/folders.js'
import { findFreePort } from './support/ports.js'
import { type Service, startService } from './support/service.js'

const secret = 'A-secret-of-the-tests-with-32-characters'
const names = ['express', 'node', 'nginx', 'apache', 'tomcat'] as const
let servers: EchoServer[]
let service: Service
let gateway: Client
let key: string

beforeAll(async () => {
  servers = await startEchoServers()
  const folder = await makeTemporaryFolder('readings')
  const gatewayPort = await findFreePort()
  await writeFile(join(folder, 'services.json'), JSON.stringify(describeServices()))
  service = await startService({
    folder,
    env: {
      SINGLE_USER: 'true',
      LATCHKEY_SINGLE_USER_API_KEY: secret,
      GATEWAY_PORT: String(gatewayPort),
      SERVICES_FILE: 'services.json',
    },
  })
  const made = await fetch(`${service.url}/api-keys`, {
    method: 'POST',
    headers: { 'x-api-key': secret, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'narrow', scopes: ['free'] }),
  })
  key = ((await made.json()) as { value: string }).value
  gateway = new Client(`http://127.0.0.1:${gatewayPort}`)
})
afterAll(async () => {
  await gateway?.close()
  await service?.stop()
  await Promise.all((servers ?? []).map((server) => server.stop()))
})

/** Of each server its free part, the part that asks for a right that the key lacks, and one that anyone may read. */
function describeServices() {
  const services = servers.flatMap(({ name, origin }) => [
    { id: name, prefix: `/${name}`, target: origin },
    {
      id: `${name}-admin`,
      prefix: `/${name}/admin`,
      target: `${origin}/admin`,
      access: { scopes: ['secret'] },
    },
    {
      ...{ id: `${name}-public`, prefix: `/public-${name}`, target: origin, access: { scopes: ['secret'] } },
      public_paths: ['/open/*'],
    },
  ])
  return {
    groups: [{ id: 'echo', name: 'Echo' }],
    services: services.map((one) => ({ ...one, name: one.id, group: 'echo' })),
  }
}

/** Asks by exactly this path. @returns how the server read it; null where it was not asked */
async function readAs(client: Client, path: string, headers: Record<string, string>) {
  const answer = await client.request({ method: 'GET', path, headers })
  await answer.body.dump()
  return { status: answer.statusCode, reading: answer.headers['x-reading'] ?? null }
}

// What the five servers are known to read in ways of their own, and what they might.
const words = [
  'admin',
  'open',
  'x',
  'Admin',
  'OPEN',
  '%61dmin',
  '%2561dmin',
  'admin.',
  'admin%20',
  '%C4%B1',
  'ADM%C4%B1N',
]
const marks = [
  '/',
  '//',
  '/./',
  '/../',
  '/%2e%2e/',
  '/..;/',
  '/.;a/',
  ';',
  ';x=1',
  '%2F',
  '%5C',
  '%3B',
  '%252F',
  '%252e%252e',
]
const others = [
  '.',
  '..',
  '%20',
  '%09',
  '%0A',
  '%C0%AE',
  '%EF%BC%8F',
  '~',
  '*',
  '%7F',
  '%25',
  '%2e',
  ':',
  '@',
  '+',
  '!',
]
const anyPath = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...words) },
      { weight: 6, arbitrary: fc.constantFrom(...marks) },
      { weight: 1, arbitrary: fc.constantFrom(...others) },
    ),
    { minLength: 1, maxLength: 7 },
  )
  .map((pieces) => `/${pieces.join('')}`)
/** Half of them are near to a part, so that enough of them are read as this part. */
const pathsNear = (part: string) =>
  fc.oneof(
    anyPath,
    fc
      .tuple(
        fc.constantFrom(
          '/',
          '/',
          '/',
          '/',
          '//',
          '//x/',
          '/%2Fx//',
          '/;/',
          '/.;/',
          '/%2F',
          '/x/..;/',
          '/x/%252e%252e/',
          '/x/../',
        ),
        fc.constantFrom(
          part,
          part.toUpperCase(),
          `${part};x`,
          `${part}%2Fx`,
          `${part}.`,
          part.replace('n', '%6E'),
        ),
        fc.constantFrom('', '/', '/y', ';x', '%2Fy', '//y', '/%C3%A9'),
      )
      .map((pieces) => pieces.join('')),
  )

describe.each(names)('however %s reads a path', (name) => {
  const origin = () => servers.find((server) => server.name === name)?.origin ?? ''

  test('it serves nothing of the guarded part to a key that lacks its right', async () => {
    const direct = new Client(origin())
    let attacks = 0
    await fc.assert(
      fc.asyncProperty(pathsNear('admin'), async (sent) => {
        const { reading: alone } = await readAs(direct, sent, {})
        const { status, reading } = await readAs(gateway, `/${name}${sent}`, { 'x-api-key': key })
        if (alone === 'admin') attacks += 1

        expect([sent, status, reading]).not.toContain('admin')
      }),
      { numRuns: 400 },
    )
    await direct.close()

    // The server itself read these paths as the guarded part, so that the property could have failed.
    expect(attacks).toBeGreaterThan(10)
  })

  test('it serves nothing but its public paths without a credential', async () => {
    const opened = new Set<string>()
    await fc.assert(
      fc.asyncProperty(pathsNear('open'), async (sent) => {
        const { status, reading } = await readAs(gateway, `/public-${name}${sent}`, {})
        if (reading === 'open') opened.add(sent)

        expect([sent, status, reading]).not.toContain('admin')
        expect([sent, status, reading]).not.toContain('other')
      }),
      { numRuns: 400, examples: [['/open/x'], ['/open/a%2Fb'], ['/open/a;b']] },
    )

    expect(opened.size).toBeGreaterThan(3)
  })

  test.each([
    ...['//admin', '/Admin', '/admin;x', '/;/admin', '/%2Fadmin', '/admin%2Fx', '/admin%20', '/admin.'],
    ...['/x/%252e%252e/admin', '/x/..;/admin', '/x%5C..%5Cadmin', '/%2561dmin', '/.;/admin'],
    ...['//x/admin', '///x/admin', '//x//y/admin', '/%2Fx/admin', '/%5Cx/admin'],
  ])('%s of the guarded part is refused', async (sent) => {
    const { status, reading } = await readAs(gateway, `/${name}${sent}`, { 'x-api-key': key })

    expect([status, reading]).toEqual([400, null])
  })
})
