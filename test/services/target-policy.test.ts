import type { LookupAddress } from 'node:dns'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createTargetPolicy, type Resolve } from '../../src/services/target-policy.js'
import { expectProblem } from '../keys/requests.js'
import { requestRaw } from '../support/raw-http.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { startUpstream, type Upstream } from '../support/upstream.js'
import { administratorOf } from './administrator.js'

/** The name server of the tests: some names, which may change; every other name is unknown. */
const names = new Map<string, string[]>()
let asked: string[] = []
const resolve = ((host: string, _options: unknown, callback: (...found: unknown[]) => void) => {
  asked.push(host)
  const found: LookupAddress[] = (names.get(host.replace(/\.$/, '')) ?? []).map((address) => ({
    address,
    family: address.includes(':') ? 6 : 4,
  }))
  const error = found.length > 0 ? null : Object.assign(new Error('not found'), { code: 'ENOTFOUND' })
  setImmediate(callback, error, found)
}) as unknown as Resolve

let upstream: Upstream
let service: TestService
let key: CreatedKey

beforeAll(async () => {
  upstream = await startUpstream()
  service = await startService(
    { GATEWAY_PUBLIC_URL: 'http://localhost:65001/gateway' },
    { hasGateway: true, resolve },
  )
  key = await service.createKey('alice')
})
afterEach(() => {
  names.clear()
  asked = []
  upstream.seen.length = 0
})
afterAll(async () => {
  await Promise.all([service.close(), upstream.close()])
})

/** Asks to make a service of a target. */
async function make(
  target: string,
  { at = service, ...others }: { at?: TestService; openapi_url?: string } = {},
) {
  const { ask, aGroup } = administratorOf(() => at)
  const id = `s-${Math.random().toString(36).slice(2)}`
  const group = (await aGroup({ id: `g-${id}` })).id
  const answer = await ask('POST', '/admin/services', {
    id,
    name: id,
    group,
    prefix: `/${id}`,
    target,
    ...others,
  })
  const call = () =>
    requestRaw(Number(new URL(at.gatewayUrl).port), [`GET /${id} HTTP/1.1`, `X-API-Key: ${key.value}`])
  return { id, answer, call, change: (change: object) => ask('PATCH', `/admin/services/${id}`, change) }
}

describe('a target that leads back to this service is refused', () => {
  test('by whatever name or address', async () => {
    const { port, gateway } = service.config
    names
      .set('localhost', ['127.0.0.1'])
      .set('this.machine', ['127.0.0.1'])
      .set('rebound.example', ['203.0.113.1', '::1'])
    const own = [
      `http://127.0.0.1:${port}`,
      `http://127.1:${port}`,
      `http://2130706433:${port}`,
      `http://127.8.9.10:${port}/catalog`,
      `http://localhost:${port}/catalog`,
      `http://localhost.:${port}`,
      `http://LOCALHOST:${port}`,
      `http://this.machine:${port}`,
      `http://rebound.example:${port}`,
      `https://this.machine:${port}`,
      `http://[::1]:${port}`,
      `http://[::ffff:127.0.0.1]:${port}`,
      `http://0.0.0.0:${gateway?.port}`,
      `http://[::]:${gateway?.port}`,
      `http://127.0.0.1:${gateway?.port}`,
      'http://localhost:65001/gateway/catalog',
      'http://localhost.:65001/gateway',
    ]

    for (const target of own) {
      const { answer } = await make(target)
      expect([target, answer.status, answer.json.code, answer.json.detail]).toEqual([
        ...[target, 400, 'target_not_allowed', 'target must not be this service itself.'],
      ])
    }
  })

  test('where it listens on every address, by those of the machine too', async () => {
    const own = createTargetPolicy({ allowed: undefined, publicUrls: [], host: '0.0.0.0', ports: [3000] })

    expect(await own.findFault(new URL(`http://${hostname()}:3000`), 'api')).toMatch(/itself|^null$/)
    expect(await own.findFault(new URL('http://127.0.0.1:3000'), 'file')).toMatch(/itself/)
    expect(await own.findFault(new URL('http://127.0.0.1:3001'), 'api')).toBeNull()
  })

  test('but another service of the machine is not', async () => {
    expect((await make(upstream.url)).answer.status).toBe(201)
    expect((await make('http://localhost:65001/elsewhere')).answer.status).toBe(201)
  })
})

describe('a target that gives secrets away is refused', () => {
  test.each([
    'http://169.254.169.254/latest/meta-data',
    'http://169.254.1.1',
    'http://0xa9fea9fe',
    'http://[::ffff:169.254.169.254]',
    'http://[64:ff9b::169.254.169.254]',
    'http://[2002:a9fe:a9fe::]',
    'http://[::169.254.169.254]',
    'http://[::ffff:0:169.254.169.254]',
    'http://[64:ff9b::127.0.0.1]',
    'http://[64:ff9b:1::1]',
    'http://[2001:0:a9fe:a9fe::]',
    'http://100.100.100.200',
    'http://168.63.129.16',
    'http://192.0.0.192',
    'http://[fd20:ce::254]',
    'http://[fd00:ec2::254]',
    'http://[fe80::1]',
    'http://224.0.0.1',
    'http://255.255.255.255',
    'http://[ff02::1]',
    'http://0.0.0.0',
    'http://0.1.2.3',
    'http://[::]',
    'http://metadata.example',
    'http://mixed.example',
  ])('%s', async (target) => {
    names.set('metadata.example', ['169.254.169.254']).set('mixed.example', ['203.0.113.1', 'fe80::1'])

    const { answer } = await make(target)
    const document = await make('http://203.0.113.1', { openapi_url: target })
    const fine = await make('http://203.0.113.1')
    const changed = [await fine.change({ target }), await fine.change({ openapi_url: target })]

    for (const refused of [answer, document.answer, ...changed])
      expectProblem(refused, 400, 'target_not_allowed')
    expect(document.answer.json.detail).toMatch(/^openapi_url leads to an address/)
    expect(await service.db.prisma.service.count({ where: { prefix: { contains: document.id } } })).toBe(0)
  })

  test('when it is called too: the name has changed since', async () => {
    names.set('rebound.example', ['127.0.0.1'])
    const { answer, call } = await make(`http://rebound.example:${upstream.port}`)
    const before = await call()
    // Connections are kept for 4 s; a new one is needed.
    upstream.server.closeAllConnections()

    const seen = []
    for (const address of ['169.254.169.254', '0.0.0.0', 'fe80::1']) {
      names.set('rebound.example', [address])
      seen.push((await call()).status)
    }
    names.set('rebound.example', ['169.254.169.254', '127.0.0.1'])
    const mixed = await call()

    expect([answer.status, before.status, mixed.status]).toEqual([201, 200, 200])
    expect(seen).toEqual([502, 502, 502])
    expect(service.log.join('')).toContain('rebound.example has no address that GATEWAY_TARGETS allows')
  })

  test('when it is called, also where it leads back to this service', async () => {
    const { answer, call } = await make(`http://later.example:${service.config.port}`)
    names.set('later.example', ['127.0.0.1'])

    expect(answer.status).toBe(201)
    expect((await call()).status).toBe(502)
  })

  test('also where a document of a service redirects to it', async () => {
    const redirecting = createServer((_request, response) => {
      names.set('docs.example', ['169.254.169.254'])
      response.writeHead(302, { location: '/other', connection: 'close' }).end()
    })
    await new Promise<void>((done) => redirecting.listen(0, '127.0.0.1', done))
    onTestFinished(() => void redirecting.close())
    const { port } = redirecting.address() as { port: number }
    names.set('docs.example', ['127.0.0.1'])
    const { id } = await make('http://203.0.113.1', {
      openapi_url: `http://docs.example:${port}/openapi.json`,
    })

    const shown = await service.inject({
      url: `/docs/services/${id}.json`,
      headers: { host: new URL(service.url).host },
    })

    expect(shown.status).toBe(502)
    expect(asked.filter((name) => name === 'docs.example')).toHaveLength(3)
  })
})

describe('an address of a target', () => {
  const policy = createTargetPolicy({ allowed: undefined, publicUrls: [], host: '127.0.0.1', ports: [] })
  const refused = 'leads to an address that GATEWAY_TARGETS does not allow'
  const faultOf = (address: string) => policy.findFault(new URL(`http://[${address}]`), 'api')
  const ofMetadata = ['169.254.169.254', '100.100.100.200', '168.63.129.16', '192.0.0.192']

  test.each([...ofMetadata, '127.0.0.1', '224.0.0.1', '0.0.0.0', '255.255.255.255'])(
    'is refused where it holds %s for a gateway between IPv4 and IPv6',
    async (ipv4) => {
      const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map(Number)
      const groups = [a * 256 + b, c * 256 + d].map((group) => group.toString(16)).join(':')
      const holding = [`64:ff9b::${ipv4}`, `64:ff9b::${groups}`, `2002:${groups}::1`, `::ffff:0:${groups}`]

      for (const address of holding) expect([address, await faultOf(address)]).toEqual([address, refused])
      // `::0.0.0.0` is `::`, which is refused as unspecified.
      expect(await faultOf(`::${groups}`)).toBe(refused)
    },
  )

  test.each(ofMetadata)('is refused where %s is mapped into IPv6', async (ipv4) => {
    expect(await faultOf(`::ffff:${ipv4}`)).toBe(refused)
  })

  test.each(['fd00:ec2::23', 'fd00:ec2::254', 'fd00:ec2:0:0:1::', '64:ff9b::', '2002::', '::'])(
    'is refused as metadata or no one service: %s',
    async (address) => {
      expect(await faultOf(address)).toBe(refused)
    },
  )

  test.each(['::1', '::ffff:127.0.0.1', '64:ff9b::203.0.113.1', '2002:cb00:7101::1', 'fd00:ec3::1'])(
    'is allowed: %s',
    async (address) => {
      expect(await faultOf(address)).toBeNull()
    },
  )
})

describe('with GATEWAY_TARGETS', () => {
  const start = async (targets: string, others: Record<string, string> = {}) => {
    const started = await startService({ GATEWAY_TARGETS: targets, ...others }, { hasGateway: true, resolve })
    onTestFinished(() => started.close())
    return started
  }

  test('only what it lists may be named', async () => {
    const at = await start('Stac.example,10.1.0.0/16,2001:db8::/32')
    names
      .set('stac.example', ['203.0.113.5'])
      .set('inside.example', ['10.1.2.3'])
      .set('outside.example', ['10.2.0.1'])
    const allowed = [
      'http://stac.example',
      'http://STAC.example.:8080',
      'http://10.1.0.1',
      'http://inside.example',
      'http://[2001:db8::1]',
    ]
    const refused = [
      'http://127.0.0.1:9',
      'http://outside.example',
      'http://unknown.example',
      'http://sub.stac.example',
      'http://10.2.0.1',
    ]

    for (const target of allowed)
      expect([target, (await make(target, { at })).answer.status]).toEqual([target, 201])
    for (const target of refused) {
      const { answer } = await make(target, { at })
      expect([target, answer.json.code]).toEqual([target, 'target_not_allowed'])
    }
    names.set('stac.example', ['169.254.169.254'])
    expect((await make('http://stac.example', { at })).answer.json.code).toBe('target_not_allowed')
  })

  test('a reserved range may be listed', async () => {
    const at = await start('169.254.170.2/32')

    expect((await make('http://169.254.170.2', { at })).answer.status).toBe(201)
    expect((await make('http://169.254.169.254', { at })).answer.status).toBe(400)
  })

  test('as file, the file alone names targets, and any but this service', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'latchkey-targets-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'services.json')
    const described = (target: string) => ({
      groups: [{ id: 'g', name: 'g' }],
      services: [{ id: 'declared', name: 'd', group: 'g', prefix: '/declared', target }],
    })
    writeFileSync(path, JSON.stringify(described(upstream.url)))
    const at = await start('file', { SERVICES_FILE: path })
    const own = await at.createKey('alice')
    const call = () =>
      requestRaw(Number(new URL(at.gatewayUrl).port), ['GET /declared HTTP/1.1', `X-API-Key: ${own.value}`])

    expect((await make(upstream.url, { at })).answer.json.code).toBe('target_not_allowed')
    for (const target of ['http://unknown.example', 'http://file', 'http://file.']) {
      names.set('file', ['203.0.113.9'])
      expect((await make(target, { at })).answer.json.code).toBe('target_not_allowed')
    }
    expect((await call()).status).toBe(200)

    names.set('metadata.example', ['169.254.169.254'])
    writeFileSync(path, JSON.stringify(described('http://metadata.example')))
    await at.app.reloadDeclarations()
    expect(at.log.join('')).not.toContain('the file of services is refused')

    writeFileSync(path, JSON.stringify(described(`http://127.0.0.1:${at.config.port}`)))
    await at.app.reloadDeclarations()
    expect(at.log.join('')).toContain('services.0.target must not be this service itself')
  })
})
