import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { expectProblem } from '../keys/requests.js'
import { aValueOf } from '../keys/stored-rows.js'
import { startService, type TestService } from '../support/service.js'
import { administratorOf } from './administrator.js'

const folder = mkdtempSync(join(tmpdir(), 'latchkey-services-'))
const path = join(folder, 'services.json')
afterAll(() => rmSync(folder, { recursive: true }))

const group = (id: string, others = {}) => ({ id, name: `Group ${id}`, ...others })
const entry = (id: string, others = {}) => ({
  ...{ id, name: `Service ${id}`, group: 'declared', prefix: `/${id}`, target: 'http://upstream.test' },
  ...others,
})
const write = (content: unknown) =>
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))

const plain = { groups: [group('declared')], services: [entry('one'), entry('two')] }

let service: TestService
beforeAll(async () => {
  write(plain)
  service = await startService({ SERVICES_FILE: path })
})
afterAll(() => service.close())
beforeEach(async () => {
  write(plain)
  await service.app.reloadDeclarations()
  service.log.length = 0
})

const { ask, aGroup, aService, aKeyFor } = administratorOf(() => service)

/** Everything that is registered and everything in the ledger. */
const readAll = async () => ({
  groups: await service.db.prisma.serviceGroup.findMany({ orderBy: { id: 'asc' } }),
  services: await service.db.prisma.service.findMany({ orderBy: { id: 'asc' } }),
  ledger: await service.db.prisma.auditEvent.count(),
})

async function reload(content: unknown) {
  write(content)
  await service.app.reloadDeclarations()
  const lines = service.log.map((line) => JSON.parse(line))
  service.log.length = 0
  return lines.findLast(({ msg }) => msg.startsWith('the file of services')) ?? {}
}

describe('a file of services', () => {
  test('is applied at the start, with what it leaves out filled in', async () => {
    const shown = await ask('GET', '/admin/services/one')

    expect(shown.json).toMatchObject({ prefix: '/one', timeout_ms: 30_000, origin: 'file' })
    expect((await ask('GET', '/admin/groups/declared')).json).toMatchObject({ origin: 'file' })
  })

  test('changes, adds and removes entries when it is read anew, and the ledger tells', async () => {
    const before = await readAll()

    const line = await reload({
      groups: [group('declared', { limits: { per_day: 5 } })],
      services: [entry('one', { enabled: false }), entry('three')],
    })

    expect(line).toMatchObject({ msg: 'the file of services is applied', changes: 4 })
    expect((await ask('GET', '/admin/services/one')).json.enabled).toBe(false)
    expect((await ask('GET', '/admin/services/two')).status).toBe(404)
    expect((await ask('GET', '/admin/services/three')).status).toBe(200)
    const added = await service.db.prisma.auditEvent.findMany({
      orderBy: { id: 'desc' },
      take: (await readAll()).ledger - before.ledger,
    })
    expect(added.reverse().map(({ action, targetId, via }) => [action, targetId, via])).toEqual([
      ['group.updated', 'declared', 'file'],
      ['service.deleted', 'two', 'file'],
      ['service.updated', 'one', 'file'],
      ['service.created', 'three', 'file'],
    ])
  })

  test('changes nothing where it says the same', async () => {
    const before = await readAll()

    const line = await reload(plain)

    expect(line).toMatchObject({ changes: 0 })
    expect(await readAll()).toEqual(before)
  })

  test('lets two services change places', async () => {
    await reload({ ...plain, services: [entry('one', { prefix: '/two' }), entry('two', { prefix: '/one' })] })

    expect((await ask('GET', '/admin/services/one')).json.prefix).toBe('/two')
    expect((await ask('GET', '/admin/services/two')).json.prefix).toBe('/one')
  })

  test('moves prefixes in a circle, and gives those of moved and removed services to new ones', async () => {
    await reload({ ...plain, services: ['one', 'two', 'three', 'four', 'five'].map((id) => entry(id)) })
    const before = await service.db.prisma.service.findUniqueOrThrow({ where: { id: 'one' } })

    const line = await reload({
      ...plain,
      services: [
        entry('six', { prefix: '/five' }),
        ...[entry('one', { prefix: '/two' }), entry('two', { prefix: '/three' })],
        ...[entry('three', { prefix: '/one' }), entry('four', { prefix: '/moved' })],
        entry('seven', { prefix: '/four' }),
      ],
    })

    expect(line).toMatchObject({ changes: 7 })
    const services = await service.db.prisma.service.findMany({
      where: { declaredBy: 'file' },
      orderBy: { prefix: 'asc' },
    })
    expect(services.map(({ id, prefix }) => `${id} ${prefix}`)).toEqual([
      ...['six /five', 'seven /four', 'four /moved', 'three /one', 'two /three', 'one /two'],
    ])
    expect(services.find(({ id }) => id === 'one')).toEqual({ ...before, prefix: '/two' })
  })

  test('writes a line of the ledger for each entry, with what changed', async () => {
    await reload({ ...plain, groups: [...plain.groups, group('spare')] })
    const last = await service.db.prisma.auditEvent.findFirstOrThrow({ orderBy: { id: 'desc' } })

    await reload({
      groups: [group('declared', { description: 'a "quoted" \\ text, ü' })],
      services: [
        entry('one', { access: { scopes: ['a'] } }),
        entry('new', { timeout_ms: 5 }),
        entry('two', { name: 'T' }),
      ],
    })

    const lines = await service.db.prisma.auditEvent.findMany({
      where: { id: { gt: last.id } },
      orderBy: { id: 'asc' },
    })
    expect(lines.map(({ action, targetId, details }) => [action, targetId, details])).toEqual([
      ['group.updated', 'declared', { description: 'a "quoted" \\ text, ü' }],
      ['service.updated', 'one', { access: expect.objectContaining({ scopes: ['a'], write_scopes: [] }) }],
      ['service.created', 'new', expect.objectContaining({ name: 'Service new', timeout_ms: 5 })],
      ['service.updated', 'two', { name: 'T' }],
      ['group.deleted', 'spare', { name: 'Group spare' }],
    ])
    expect(new Set(lines.map(({ at }) => at.getTime())).size).toBe(1)
    for (const line of lines)
      expect(line).toMatchObject({
        ...{ actorSubject: 'services-file', actorLogin: 'SERVICES_FILE', via: 'file', actorKeyId: null },
        ...{ ownerSubject: '', address: '', requestId: '' },
      })
  })

  test('may name thousands of entries, which are added, changed and removed at once', {
    timeout: 60_000,
  }, async () => {
    const many = (name: string, shift = 0) => ({
      groups: Array.from({ length: 200 }, (_, n) => group(`g${n}`, { name })),
      services: Array.from({ length: 2000 }, (_, n) =>
        entry(`s${n}`, { name, group: `g${n % 200}`, prefix: `/s${(n + shift) % 2000}` }),
      ),
    })
    const costOf = async (content: unknown) => {
      const start = process.cpuUsage()
      const line = await reload(content)
      const { user, system } = process.cpuUsage(start)
      return { changes: line.changes, seconds: (user + system) / 1e6 }
    }

    const costs = [
      await costOf(many('First')),
      await costOf(many('Second', 1)),
      await costOf({ groups: [], services: [] }),
    ]

    // The entries of the file before are removed by the first change: a group and two services.
    expect(costs.map(({ changes }) => changes)).toEqual([2203, 2200, 2200])
    // One statement for each entry would be 10 s and more. The embedded database runs in this process.
    for (const { seconds } of costs) expect(seconds).toBeLessThan(4)
  })

  test('leaves alone what was made through the API, and may build on its groups', async () => {
    const [foreign, home] = [await aService(), await aGroup()]

    await reload({ ...plain, services: [entry('one', { group: home.id })] })

    expect((await ask('GET', `/admin/services/${foreign.id}`)).json).toEqual(foreign)
    expect((await ask('GET', '/admin/services/one')).json.group).toBe(home.id)
  })

  test('may be empty, which removes all that it made and nothing else', async () => {
    const foreign = await aService()

    await reload({ groups: [], services: [] })

    const { services } = await readAll()
    expect(services.every(({ declaredBy }) => declaredBy === 'api')).toBe(true)
    expect(services.map(({ id }) => id)).toContain(foreign.id)
  })

  test.each([
    ['PATCH', '/admin/services/one', { enabled: false }],
    ['DELETE', '/admin/services/one', undefined],
    ['PATCH', '/admin/groups/declared', { name: 'Mine' }],
    ['DELETE', '/admin/groups/declared', undefined],
  ] as const)('owns its entries: %s %s is refused', async (method, url, payload) => {
    const before = await readAll()

    expectProblem(await ask(method, url, payload), 409, 'set_by_file')
    expect(await readAll()).toEqual(before)
  })

  test('holds from the next look on', async () => {
    const registry = service.app.serviceRegistry

    await reload({ ...plain, services: [entry('one', { prefix: '/moved' })] })

    expect(registry.match('/moved/x')).toMatchObject({ descriptor: { id: 'one' } })
    expect(registry.match('/one')).toBeNull()
  })
})

describe('a file that is refused changes nothing, and each of its faults is told', () => {
  test.each<[string, unknown, string]>([
    ['no JSON', '{"groups": [', 'it is not JSON'],
    ['a list', [], 'the file must be object'],
    ['a member that is given twice', '{"groups":[],"services":[],"groups":[]}', 'groups is given twice'],
    [
      'a number that would change',
      JSON.stringify({ ...plain, groups: [group('declared', { limits: { per_day: 4711 } })] }).replace(
        '4711',
        '9007199254740993',
      ),
      'groups.0.limits.per_day is a number that would not be kept as it is written',
    ],
    [
      'a name of characters that are not seen',
      { ...plain, groups: [group('declared', { name: '\u200B' })] },
      'groups.0.name must not hold control characters or characters that are not seen',
    ],
    [
      'the value of a key in a description',
      { ...plain, groups: [group('declared', { description: `old: ${aValueOf('Zk3vQ9aB')}` })] },
      'groups.0.description must not hold the value of a key',
    ],
    [
      'the value of a key in a target',
      { ...plain, services: [entry('one', { target: `http://upstream.test/${aValueOf('Zk3vQ9aB')}` })] },
      'services.0.target must not hold the value of a key',
    ],
    ['half of a character', { ...plain, groups: [group('declared', { name: 'a\ud800' })] }, 'groups.0.name'],
    ['no groups', { services: [] }, 'groups is required'],
    ['a member too much', { ...plain, keys: [] }, 'keys is not a known member'],
    [
      'a service without a target',
      { ...plain, services: [{ ...entry('one'), target: undefined }] },
      'services.0.target is required',
    ],
    [
      'a misspelt member',
      { ...plain, services: [entry('one'), entry('two', { enable: true })] },
      'services.1.enable is not a known member',
    ],
    [
      'a wrong type',
      { ...plain, services: [entry('one', { enabled: 'yes' })] },
      'services.0.enabled must be boolean',
    ],
    [
      'a wrong prefix',
      { ...plain, services: [entry('one', { prefix: '/a/../b' })] },
      'services.0.prefix must match',
    ],
    [
      'a password in a target',
      { ...plain, services: [entry('one', { target: 'http://u:secret@x' })] },
      'services.0.target must be an http or https URL without credentials',
    ],
    [
      'a wrong limit',
      { ...plain, groups: [group('declared', { limits: { per_day: 0 } })] },
      'groups.0.limits.per_day must be >= 1',
    ],
    [
      'a group twice',
      { ...plain, groups: [group('declared'), group('declared')] },
      'groups.1.id is that of an entry before: declared',
    ],
    [
      'a service twice',
      { ...plain, services: [entry('one'), entry('one', { prefix: '/b' })] },
      'services.1.id is that of an entry before: one',
    ],
    [
      'a prefix twice',
      { ...plain, services: [entry('one'), entry('two', { prefix: '/one' })] },
      'services.1.prefix is that of an entry before: /one',
    ],
    [
      'an unknown group',
      { ...plain, services: [entry('one', { group: 'nowhere' })] },
      'services.0.group is no service group',
    ],
    [
      'a group that it does not declare any more',
      { groups: [], services: [entry('one')] },
      'services.0.group is no service group',
    ],
  ])('%s', async (_case, content, fault) => {
    const before = await readAll()

    const line = await reload(content)

    expect(line).toMatchObject({ level: 50, msg: 'the file of services is refused' })
    expect(line.faults.join('\n')).toContain(fault)
    expect(line.faults.join('\n')).not.toContain('secret')
    expect(await readAll()).toEqual(before)
  })

  test('all faults at once, not the first alone', async () => {
    const { faults } = await reload({
      groups: [group('Declared')],
      services: [entry('one', { prefix: 'one' }), entry('two', { timeout_ms: 0 })],
    })

    expect(faults.map((fault: string) => fault.split(' ')[0])).toEqual([
      'groups.0.id',
      'services.0.prefix',
      'services.1.timeout_ms',
    ])
  })

  test('an id or a prefix of what was made through the API', async () => {
    const foreign = await aService()
    const before = await readAll()

    const { faults } = await reload({
      groups: [...plain.groups, group(foreign.group)],
      services: [entry(foreign.id, { prefix: '/free' }), entry('one', { prefix: foreign.prefix })],
    })

    expect(faults).toEqual([
      'groups.1.id is that of an entry that was made through the API',
      'services.0.id is that of an entry that was made through the API',
      `services.1.prefix is that of ${foreign.id}, made through the API`,
    ])
    expect(await readAll()).toEqual(before)
  })

  describe('a removed entry that', () => {
    afterEach(() => service.db.prisma.apiKey.deleteMany())

    test('a key names, a service or a group', async () => {
      await reload({ ...plain, groups: [...plain.groups, group('spare')] })
      await aKeyFor({ services: ['two'] })
      await aKeyFor({ groups: ['spare'] })
      const before = await readAll()

      const withoutService = await reload({
        ...plain,
        groups: [...plain.groups, group('spare')],
        services: [entry('one')],
      })
      const withoutGroup = await reload(plain)

      expect(withoutService.faults).toEqual(['services no longer has two, which API keys name'])
      expect(withoutGroup.faults).toEqual(['groups no longer has spare, to which services or API keys refer'])
      expect(await readAll()).toEqual(before)
    })
  })

  test('several removed entries that are in use, each told, and none is removed', async () => {
    const ids = ['a', 'b', 'c', 'd']
    const groups = [...plain.groups, ...ids.map((id) => group(`spare-${id}`))]
    await reload({ groups, services: ids.map((id) => entry(id)) })
    await aKeyFor({ services: ['d', 'b'] })
    await aKeyFor({ services: ['b'], groups: ['spare-a', 'elsewhere'] })
    const inside = await aService({ group: 'spare-c' })
    const before = await readAll()

    const withoutServices = await reload({ groups, services: [] })
    const withoutGroups = await reload({ ...plain, services: ids.map((id) => entry(id)) })

    expect(withoutServices.faults).toEqual([
      'services no longer has b, which API keys name',
      'services no longer has d, which API keys name',
    ])
    expect(withoutGroups.faults).toEqual([
      'groups no longer has spare-a, to which services or API keys refer',
      'groups no longer has spare-c, to which services or API keys refer',
    ])
    expect(await readAll()).toEqual(before)
    await service.db.prisma.apiKey.deleteMany()
    await ask('DELETE', `/admin/services/${inside.id}`)
  })

  test('a group that a service of the API is in', async () => {
    const inside = await aService({ group: 'declared' })

    const { faults } = await reload({ groups: [], services: [] })

    expect(faults).toEqual(['groups no longer has declared, to which services or API keys refer'])
    await ask('DELETE', `/admin/services/${inside.id}`)
  })

  test('that is not there any more', async () => {
    const before = await readAll()
    rmSync(path)

    await service.app.reloadDeclarations()

    expect(service.log.join('')).toContain('it cannot be read (ENOENT)')
    expect(await readAll()).toEqual(before)
  })
})

describe('nothing starts', () => {
  test('with a file that is refused', async () => {
    write({ groups: [], services: [entry('one')] })

    await expect(startService({ SERVICES_FILE: path })).rejects.toThrow(
      'services.0.group is no service group',
    )
  })

  test('with a default group that is not there', async () => {
    write(plain)

    await expect(
      startService({ SERVICES_FILE: path, DEFAULT_KEY_GROUPS: 'declared elsewhere' }),
    ).rejects.toThrow(/^DEFAULT_KEY_GROUPS cannot be used:\n {2}- elsewhere is no service group/)
  })
})
