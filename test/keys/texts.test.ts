import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { administrationOf } from '../admin/world.js'
import { startService, type TestService } from '../support/service.js'
import { expectInvalid, expectProblem, requestsTo } from './requests.js'
import { aValueOf } from './stored-rows.js'

// Property tests ask the service hundreds of times.
vi.setConfig({ testTimeout: 60_000 })

let service: TestService
const { as, raw, countRows } = requestsTo(() => service)
const ask = administrationOf(() => service)
beforeAll(async () => {
  service = await startService({ MAX_KEYS_PER_USER: '10000', KEY_CHANGES_PER_HOUR: 'off' })
})
afterAll(() => service.close())
beforeEach(async () => {
  await service.db.write(async (tx) => {
    await tx.apiKey.deleteMany()
    await tx.owner.deleteMany({ where: { kind: 'server' } })
  })
})

const composed = 'Caf\u00E9'
const decomposed = 'Cafe\u0301'

describe('two forms of one name', () => {
  test('are one name, which is kept in NFC and without white space at its ends', async () => {
    const key = await as('bob', 'POST', '/api-keys', { name: ` ${decomposed}\u00A0` })

    expect(key.json.name).toBe(composed)
    for (const name of [composed, decomposed, ` ${composed}`])
      expectProblem(await as('bob', 'POST', '/api-keys', { name }), 409, 'name_taken')
    const [line] = await ask.linesOf(key.json.id)
    expect(line?.details).toMatchObject({ name: composed })
  })

  test('are one name at a renaming too, and a key may keep its own', async () => {
    const { id } = (await as('bob', 'POST', '/api-keys', { name: composed })).json
    const other = (await as('bob', 'POST', '/api-keys', { name: 'other' })).json

    expectProblem(await as('bob', 'PATCH', `/api-keys/${other.id}`, { name: decomposed }), 409, 'name_taken')
    expect((await as('bob', 'PATCH', `/api-keys/${id}`, { name: decomposed })).json.name).toBe(composed)
  })

  test('are one name against a key of an earlier release, which keeps its own until it is renamed', async () => {
    const { id } = (await as('bob', 'POST', '/api-keys', { name: 'x' })).json
    await service.db.prisma.apiKey.update({ where: { id }, data: { name: decomposed } })

    expectProblem(await as('bob', 'POST', '/api-keys', { name: composed }), 409, 'name_taken')
    expect((await as('bob', 'GET', `/api-keys/${id}`)).json.name).toBe(decomposed)
    expect((await as('bob', 'PATCH', `/api-keys/${id}`, { name: decomposed })).json.name).toBe(composed)
    expect((await as('bob', 'DELETE', `/api-keys/${id}`)).status).toBe(204)
    expect((await as('bob', 'POST', '/api-keys', { name: decomposed })).status).toBe(201)
  })

  test('are one name of server keys, also of an earlier release', async () => {
    const { id } = await ask.serverKey({ name: 'x' })
    await service.db.prisma.owner.update({ where: { subject: `server:${id}` }, data: { login: decomposed } })
    await service.db.prisma.apiKey.update({ where: { id }, data: { name: decomposed } })
    const other = await ask.serverKey({ name: 'y' })

    expectProblem(await ask.admin('POST', '/admin/api-keys', { name: composed }), 409, 'name_taken')
    expectProblem(
      await ask.admin('PATCH', `/admin/api-keys/${other.id}`, { name: decomposed }),
      409,
      'name_taken',
    )
    const renamed = await ask.admin('PATCH', `/admin/api-keys/${id}`, { name: decomposed })
    expect(renamed.json).toMatchObject({ name: composed, owner: { login: composed } })
  })

  test('are found by a search for either', async () => {
    await as('bob', 'POST', '/api-keys', { name: decomposed })

    for (const text of [composed, decomposed]) {
      const found = await ask.admin('GET', `/admin/api-keys?q=${encodeURIComponent(text)}`)
      expect(found.json.items).toHaveLength(1)
    }
  })
})

describe('a value of a key', () => {
  test('is not taken as a text of a key, an import, a group or a service, and stands nowhere', async () => {
    const { id, value } = await service.createKey('bob')
    const server = await ask.serverKey()
    await ask.admin('POST', '/admin/groups', { id: 'g', name: 'G' })
    const service_ = { id: 's', name: 'S', group: 'g', prefix: '/s', target: 'http://127.0.0.1:9' }
    await ask.admin('POST', '/admin/services', service_)
    const before = await countRows()

    const text = `old: ${value}`
    const own = [{ name: text }, { name: 'x', note: text }, { name: 'x', config: { a: [text] } }]
    const wrongKeys = [...own, { name: 'x', config: { [value]: 1 } }, { name: 'x', scopes: [value] }]
    const imported = { value_sha256: '0'.repeat(64) }
    const answers = [
      ...(await Promise.all(wrongKeys.map((wanted) => as('bob', 'POST', '/api-keys', wanted)))),
      ...(await Promise.all(wrongKeys.map((wanted) => ask.admin('POST', '/admin/api-keys', wanted)))),
      ...(await Promise.all(
        wrongKeys.map((wanted) => ask.admin('POST', '/admin/api-keys', { ...wanted, ...imported })),
      )),
    ]
    for (const [path, wanted] of [
      [`/api-keys/${id}`, { name: text }],
      [`/api-keys/${id}`, { note: text }],
      [`/api-keys/${id}`, { config: { a: text } }],
    ] as const)
      answers.push(await as('bob', 'PATCH', path, wanted))
    for (const [path, wanted] of [
      [`/admin/api-keys/${id}`, { name: text }],
      [`/admin/api-keys/${server.id}`, { scopes: [value] }],
      [`/admin/api-keys/${server.id}`, { note: text }],
      ['/admin/groups/g', { name: text }],
      ['/admin/groups/g', { description: text }],
      ['/admin/services/s', { name: text }],
      ['/admin/services/s', { target: `http://127.0.0.1:9/${value}` }],
      ['/admin/services/s', { openapi_url: `/${value}` }],
      ['/admin/services/s', { prefix: `/${value}` }],
      ['/admin/services/s', { access: { scopes: [value] } }],
      ['/admin/services/s', { public_paths: [`/${value}`] }],
      ['/admin/services/s', { safe_posts: [`/a/${value}/*`] }],
      [`/admin/api-keys/${server.id}`, { allowed_referers: [`${value.slice(-49)}.example`] }],
    ] as const)
      answers.push(await ask.admin('PATCH', path, wanted))
    answers.push(await ask.admin('POST', '/admin/groups', { id: 'h', name: text }))
    answers.push(
      await ask.admin('POST', '/admin/services', { ...service_, id: 't', prefix: '/t', name: text }),
    )

    for (const answer of answers) expectProblem(answer, 400, 'validation_failed')
    expect(await countRows()).toEqual(before)
    const { prisma } = service.db
    const stored = [
      await prisma.apiKey.findMany(),
      await prisma.owner.findMany(),
      await prisma.serviceGroup.findMany(),
      await prisma.service.findMany(),
      (await prisma.auditEvent.findMany()).map(({ id: _, ...line }) => line),
    ]
    expect(JSON.stringify(stored)).not.toContain(value)
    await ask.admin('DELETE', '/admin/services/s')
    await ask.admin('DELETE', '/admin/groups/g')
  })
})

describe('the value of an imported key', () => {
  const secret = 'of-a-system-that-knows-no-checksums-1'
  const pair = `moved.1:${secret}`

  test.each([
    ['name', { name: secret }],
    ['name', { name: `old ${pair}` }],
    ['note', { note: `see\n${secret}` }],
    ['config', { config: { a: [pair] } }],
    ['note', { note: `https://x/?a=${encodeURIComponent(pair)}&b=1` }],
  ])('is not taken as its %s, at its import and afterwards', async (member, texts) => {
    const wanted = { name: 'moved', id: 'moved.1', secret }
    const before = await countRows()
    const refused = await ask.admin('POST', '/admin/api-keys', { ...wanted, ...texts })
    expectInvalid(refused, member)
    expect(refused.body).not.toContain(secret)
    expect(await countRows()).toEqual(before)

    expect((await ask.admin('POST', '/admin/api-keys', wanted)).status).toBe(201)
    expectInvalid(await ask.admin('PATCH', '/admin/api-keys/moved.1', texts), member)
    const lines = (await ask.linesOf('moved.1')).map(({ details }) => details)
    expect(JSON.stringify(lines)).not.toContain(secret)
    await ask.admin('DELETE', '/admin/api-keys/moved.1')
  })

  test.each([
    ['name', { name: `x${secret}x` }],
    ['note', { note: `curl -u '${pair}' or ${encodeURIComponent(`/k/${pair}`)}` }],
    ['note', { note: `Basic ${btoa(pair)}` }],
    ['note', { note: `key=${secret.replaceAll('-', '%252d')}` }],
    ['config', { config: { [`a-${secret}`]: 1 } }],
    ['scopes', { scopes: [`role-${secret}`] }],
    ['id', { id: secret }],
  ])('is not taken within its %s at its import', async (member, texts) => {
    const before = await countRows()

    const answer = await ask.admin('POST', '/admin/api-keys', {
      ...{ name: 'moved', id: 'moved.1', secret },
      ...texts,
    })

    expectInvalid(answer, member)
    expect(answer.body).not.toContain(secret)
    expect(await countRows()).toEqual(before)
  })

  test('is not taken in a command, a URL, a header or base64, once it was imported', async () => {
    const [id, secret] = ['legacy-1', 'Fd-x9.Qm!2vR-7tYp.Zk4!wLc-8sBn.Hj3!']
    const wanted = { name: 'legacy', id, secret }
    expect((await ask.admin('POST', '/admin/api-keys', wanted)).status).toBe(201)
    const basic = Buffer.from(`${id}:${secret}`).toString('base64')

    for (const note of [
      `curl -H "Authorization: Basic ${basic}" https://gw/`,
      `https://${id}:${secret}@host/x`,
      `https://gw/k/${id}:${secret}/auxip`,
      `Otoroshi-Client-Secret:${secret}`,
      `it is ${secret}.`,
      `it is ${secret}!!`,
      ...[
        `${id}/${secret}`,
        `${id}|${secret}`,
        `{${secret}}`,
        `a/${encodeURIComponent(`${id}:${secret}`)}/b`,
      ],
      Buffer.from(`${id}:${secret}\n`).toString('base64url'),
      Buffer.from(secret).toString('base64'),
      `key of the old server:\n${secret.slice(0, 9)}\u200d${secret.slice(9)}`,
    ]) {
      expectInvalid(await ask.admin('PATCH', `/admin/api-keys/${id}`, { note }), 'note')
      expectInvalid(await ask.admin('PATCH', `/admin/api-keys/${id}`, { config: { a: [note] } }), 'config')
    }

    expect(
      (await ask.admin('PATCH', `/admin/api-keys/${id}`, { note: `of ${id}, see https://a/` })).status,
    ).toBe(200)
    await ask.admin('DELETE', `/admin/api-keys/${id}`)
  })

  test('is not taken in a URL either where the secret has separators in it', async () => {
    const [id, secret] = ['legacy-2', 'Fd/x9@Qm:2vR/7tYp,Zk4}wLc|8sBn=Hj3=']
    expect((await ask.admin('POST', '/admin/api-keys', { name: 'legacy', id, secret })).status).toBe(201)

    for (const note of [
      `https://gw/k/${id}:${secret}/auxip`,
      `https://${id}:${secret}@host/x`,
      `${id}:${secret}.`,
    ])
      expectInvalid(await ask.admin('PATCH', `/admin/api-keys/${id}`, { note }), 'note')
    await ask.admin('DELETE', `/admin/api-keys/${id}`)
  })

  test('is not taken where its name or its note holds the new secret already', async () => {
    const other = `${secret}-again`
    const wanted = { name: 'moved', id: 'moved.1', secret, note: `x${other}` }
    expect(
      (await ask.admin('POST', '/admin/api-keys', { ...wanted, secret: `${'z'.repeat(40)}` })).status,
    ).toBe(201)

    expectInvalid(await ask.admin('PATCH', '/admin/api-keys/moved.1', { secret: other }), 'note')
  })

  test('is not taken together with a new secret either', async () => {
    const imported = { name: 'moved', id: 'moved.1', secret }
    expect((await ask.admin('POST', '/admin/api-keys', imported)).status).toBe(201)
    const other = `${secret}-again`

    const answer = await ask.admin('PATCH', '/admin/api-keys/moved.1', { secret: other, note: other })

    expectInvalid(answer, 'note')
    expect((await ask.with(pair)).status).toBe(200)
    expect((await ask.with(`moved.1:${other}`)).status).toBe(401)
  })
})

describe('config', () => {
  test.each([
    ['{"a": 1e400}', 'config.a'],
    ['{"a": -1e400}', 'config.a'],
    ['{"a": [0, -0]}', 'config.a.1'],
    ['{"a": 9007199254740993}', 'config.a'],
    ['{"a": 1e-400}', 'config.a'],
    ['{"a": 0.1000000000000000055511}', 'config.a'],
    ['{"a": 1, "a": 2}', 'config.a'],
    ['{"a": {"b": 1, "\\u0062": 2}}', 'config.a.b'],
    ['{"__proto__": 1}', ''],
    ['{"a": "\\ud800"}', 'config'],
    ['{"a": "\\u0000"}', 'config'],
    ['{"\\udc00": 1}', 'config'],
  ])('%s is refused at a creation and at a change, and nothing is kept', async (config, path) => {
    const { id } = await service.createKey('bob', { config: { kept: 1 } })
    const before = await countRows()

    expectInvalid(await raw('bob', 'POST', '/api-keys', `{"name":"x","config":${config}}`), path)
    expectInvalid(await raw('bob', 'PATCH', `/api-keys/${id}`, `{"config":${config}}`), path)

    expect(await countRows()).toEqual(before)
    expect((await as('bob', 'GET', `/api-keys/${id}`)).json.config).toEqual({ kept: 1 })
  })

  test('comes back as it was sent, or is refused, whatever it is', async () => {
    const { id, value } = await service.createKey('bob')
    const headers = await service.as('bob')
    const config = fc.dictionary(fc.string({ unit: 'binary', maxLength: 8 }), fc.jsonValue({ maxDepth: 3 }), {
      maxKeys: 4,
    })
    let kept = 0

    await fc.assert(
      fc.asyncProperty(config, async (wanted) => {
        const payload = JSON.stringify({ config: wanted })
        const type = { 'content-type': 'application/json' }
        const answer = await service.inject({
          ...{ method: 'PATCH', url: `/api-keys/${id}`, headers: { ...headers, ...type }, payload },
        })
        expect([200, 400]).toContain(answer.status)
        if (answer.status === 400) return
        kept += 1
        // By text: `-0` and `0` are equal in JavaScript.
        expect(sorted(answer.json.config)).toBe(sorted(JSON.parse(payload).config))
      }),
      { numRuns: 60 },
    )

    expect(kept).toBeGreaterThan(10)
    expect((await ask.with(value)).status).toBe(200)
  })
})

/** PostgreSQL keeps the members of an object in an order of its own. */
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_name, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([one], [other]) => (one < other ? -1 : 1)))
      : member,
  )

test('a body that gives a member twice is refused as a whole', async () => {
  const before = await countRows()

  expectInvalid(await raw('bob', 'POST', '/api-keys', '{"name":"a","name":"b"}'), 'name')
  expectInvalid(
    await raw('bob', 'POST', '/api-keys', '{"name":"a","read_only":true,"read_only":false}'),
    'read_only',
  )

  expect(await countRows()).toEqual(before)
})

test('a body that is not UTF-8 is refused, and not mended', async () => {
  const headers = { ...(await service.as('bob')), 'content-type': 'application/json' }
  const payload = Buffer.from('{"name":"caf\xe9"}', 'latin1')

  expectInvalid(await service.inject({ method: 'POST', url: '/api-keys', headers, payload }), '')
})

test('any name comes back as it is kept, or is refused', async () => {
  const headers = await service.as('bob')
  const { id } = await service.createKey('bob')
  const name = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.constant(aValueOf('Zk3vQ9aB')),
  )

  await fc.assert(
    fc.asyncProperty(name, async (wanted) => {
      const payload = { name: wanted, note: wanted }
      const answer = await service.inject({ method: 'PATCH', url: `/api-keys/${id}`, headers, payload })
      expect([200, 400]).toContain(answer.status)
      if (answer.status === 400) return
      expect(answer.json.name).toBe(wanted.normalize('NFC').trim())
      const shown = await service.inject({ method: 'GET', url: `/api-keys/${id}`, headers })
      expect(shown.json.name).toBe(answer.json.name)
    }),
    { numRuns: 60 },
  )
})
