import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/store/database.js'
import { administrationOf, expectProblem } from '../admin/world.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { type Answer, startService, type TestService } from '../support/service.js'
import { requirePostgresql } from './support/environment.js'
import { createDatabase } from './support/postgresql.js'

/** Replicas in this process, on one PostgreSQL. */
let replicas: [TestService, TestService]
let url: string
const [ask, askOther] = [administrationOf(() => replicas[0]), administrationOf(() => replicas[1])]
const start = async (env: Record<string, string> = {}) =>
  startService(env, { db: await openDatabase({ url, dataDir: '', migrationsDir, log: () => {} }) })
beforeAll(async () => {
  url = await createDatabase(await requirePostgresql())
  replicas = [await start(), await start()]
})
afterAll(async () => {
  for (const replica of replicas) await replica.close()
})

const tally = (answers: Answer[]) => {
  const counts: Record<string, number> = {}
  for (const { status, json } of answers) {
    const outcome = `${status} ${json?.code ?? ''}`.trim()
    counts[outcome] = (counts[outcome] ?? 0) + 1
  }
  return counts
}
const inTurn = <T>(count: number, work: (turn: 0 | 1, at: number) => T) =>
  Array.from({ length: count }, (_, at) => work(at % 2 === 0 ? 0 : 1, at))
const administrators = [ask, askOther] as const
const countWorking = (ownerSubject: string) =>
  replicas[0].db.prisma.apiKey.count({
    where: { ownerSubject, revokedAt: null, expiresAt: { gt: new Date() } },
  })

/** On a busy machine a database may be slow for a moment: what was answered so was not done, and is asked again. */
async function untilTold(ask: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    const answer = await ask()
    if (answer.status !== 503 || attempt === 20) return answer
    await sleep(500)
  }
}

describe('at most 20 keys of a person work, at two replicas at once:', () => {
  /** Each replica is its own identity provider here: the tokens of one are none to the other. */
  async function logInAtBoth(sub: string) {
    const wishes = { claims: { sub, preferred_username: sub } }
    const headers = [await replicas[0].as('bob', wishes), await replicas[1].as('bob', wishes)] as const
    return (turn: 0 | 1, method: 'POST' | 'PATCH', path: string, payload: object = {}) =>
      untilTold(() => replicas[turn].inject({ method, url: path, headers: headers[turn], payload }))
  }

  test('of 100 creations by someone who was never here, exactly 20', async () => {
    const newcomer = await logInAtBoth('newcomer')

    const answers = await Promise.all(
      inTurn(100, (turn, at) => newcomer(turn, 'POST', '/api-keys', { name: `n${at}` })),
    )

    expect(tally(answers)).toEqual({ '201': 20, '409 key_limit_reached': 80 })
    expect(await countWorking('newcomer')).toBe(20)
  })

  test('of creations, renewals, enablings and an administrator’s new ends, exactly 20', async () => {
    const person = await logInAtBoth('mixed')
    const ids: string[] = []
    for (let at = 0; at < 20; at += 1) {
      ids.push((await person(0, 'POST', '/api-keys', { name: `m${at}` })).json.id)
    }
    const [revoked, ended, paused] = [ids.slice(0, 8), ids.slice(8, 12), ids.slice(12, 16)]
    for (const id of revoked) await person(0, 'POST', `/api-keys/${id}/revoke`)
    await replicas[0].db.write(async (tx) => {
      const data = { expiresAt: new Date(Date.now() - 1000) }
      await tx.apiKey.updateMany({ where: { id: { in: ended } }, data })
    })
    for (const id of paused) await person(0, 'PATCH', `/api-keys/${id}`, { enabled: false })
    expect(await countWorking('mixed')).toBe(8)
    const end = new Date(Date.now() + 86_400_000).toISOString()

    const [reviving, enabling] = await Promise.all([
      Promise.all([
        ...inTurn(30, (turn, at) => person(turn, 'POST', '/api-keys', { name: `late ${at}` })),
        ...inTurn(8, (turn, at) => person(turn, 'POST', `/api-keys/${revoked[at]}/renew`)),
        ...inTurn(4, (turn, at) =>
          untilTold(() =>
            administrators[turn].admin('PATCH', `/admin/api-keys/${ended[at]}`, { expires_at: end }),
          ),
        ),
      ]),
      Promise.all(
        inTurn(4, (turn, at) => person(turn, 'PATCH', `/api-keys/${paused[at]}`, { enabled: true })),
      ),
    ])

    const { '201': made = 0, '200': revived = 0, ...refused } = tally(reviving)
    expect([made + revived, refused]).toEqual([12, { '409 key_limit_reached': 30 }])
    // They were counted while they paused.
    expect(tally(enabling)).toEqual({ '200': 4 })
    expect(await countWorking('mixed')).toBe(20)
  })
})

describe('at two replicas at once', () => {
  /** Two who waited for each other until the database refused one of them, which then began anew. */
  async function countDeadlocks(): Promise<number> {
    const [row] = await replicas[0].db.prisma.$queryRaw<{ count: number }[]>`
      SELECT deadlocks::int AS count FROM pg_stat_database WHERE datname = current_database()`
    return row?.count ?? Number.NaN
  }

  test('a name is given to one server key, made or renamed', async () => {
    const first = await ask.serverKey()
    const second = await askOther.serverKey()
    const make = { name: 'the one' }

    const answers = await Promise.all([
      ...inTurn(10, (turn) => administrators[turn].admin('POST', '/admin/api-keys', make)),
      ask.admin('PATCH', `/admin/api-keys/${first.id}`, make),
      askOther.admin('PATCH', `/admin/api-keys/${second.id}`, make),
    ])

    const [given = 0, ...others] = answers.map(({ status }) => status).sort()
    expect(given).toBeLessThan(300)
    expect(others).toEqual(Array(11).fill(409))
    expect(await replicas[0].db.prisma.owner.count({ where: { login: 'the one' } })).toBe(1)
  })

  test('server keys that name a group are made, renamed and deleted while the group is deleted, and nobody waits for another', async () => {
    for (let round = 0; round < 5; round += 1) {
      const group = `group-${round}`
      await ask.admin('POST', '/admin/groups', { id: group, name: group })
      const keys = [await ask.serverKey(), await ask.serverKey(), await ask.serverKey({ groups: [group] })]

      const answers = await Promise.all([
        ...inTurn(4, (turn, at) =>
          administrators[turn].admin('POST', '/admin/api-keys', {
            ...{ name: `made ${round} ${at}`, groups: [group] },
            value_sha256: `${round}${at}`.padEnd(64, 'a'),
          }),
        ),
        ...keys.map(({ id }, at) =>
          askOther.admin('PATCH', `/admin/api-keys/${id}`, { name: `new ${round} ${at}`, groups: [group] }),
        ),
        ask.admin('DELETE', `/admin/groups/${group}`),
        askOther.admin('DELETE', `/admin/api-keys/${keys[0]?.id}`),
      ])

      expect(answers.filter(({ status }) => status === 500)).toEqual([])
    }
    // What a connection counted is told a second after it.
    await sleep(1500)
    expect(await countDeadlocks()).toBe(0)
  })
})

describe('replicas whose files of the provider differ', () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-providers-'))
  const fileOf = (name: string) => join(folder, name)
  const write = (name: string, disabled: boolean) =>
    writeFileSync(fileOf(name), JSON.stringify({ name: 'api-key', type: 'api-key', disabled }))
  afterAll(() => rmSync(folder, { recursive: true }))

  test('go by their own, each; the one without goes by what was said last', async () => {
    write('one.json', false)
    write('two.json', false)
    const one = await start({ API_KEYS_PROVIDER_FILE: fileOf('one.json') })
    const two = await start({ API_KEYS_PROVIDER_FILE: fileOf('two.json') })
    const [without] = replicas
    const { value } = await without.createKey('bob')
    const statuses = () =>
      Promise.all(
        [one, two, without].map(
          async (replica) => (await replica.inject({ url: '/me', headers: { 'x-api-key': value } })).status,
        ),
      )
    const soon = { timeout: 2000, interval: 20 }
    expect(await statuses()).toEqual([200, 200, 200])

    write('one.json', true)
    await expect.poll(statuses, soon).toEqual([401, 200, 401])
    write('two.json', true)
    await expect.poll(statuses, soon).toEqual([401, 401, 401])
    write('two.json', false)
    await expect.poll(statuses, soon).toEqual([401, 200, 200])

    expectProblem(
      await administrationOf(() => one).admin('POST', '/admin/api-keys', { name: 'late' }),
      403,
      'keys_disabled',
    )
    const actions = (await ask.linesOf('api-key')).map(({ action, via }) => `${action} ${via}`)
    expect(actions).toEqual(['provider.disabled file', 'provider.enabled file'])
    await one.close()
    await two.close()
  })
})

test('the changes of an owner within an hour are exact at two replicas at once', async () => {
  const pair = [
    await start({ KEY_CHANGES_PER_HOUR: '7' }),
    await start({ KEY_CHANGES_PER_HOUR: '7' }),
  ] as const
  const wishes = { claims: { sub: 'busy', preferred_username: 'busy' } }
  const headers = [await pair[0].as('bob', wishes), await pair[1].as('bob', wishes)] as const

  const answers = await Promise.all(
    inTurn(20, (turn, at) => {
      const payload = { name: `busy ${at}` }
      return untilTold(() =>
        pair[turn].inject({ method: 'POST', url: '/api-keys', headers: headers[turn], payload }),
      )
    }),
  )

  expect(tally(answers)).toEqual({ '201': 7, '429 rate_limited': 13 })
  expect(await pair[0].db.prisma.apiKey.count({ where: { ownerSubject: 'busy' } })).toBe(7)
  for (const replica of pair) await replica.close()
})
