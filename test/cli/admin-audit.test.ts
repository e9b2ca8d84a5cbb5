import { afterAll, beforeAll, expect, test } from 'vitest'
import { subjects } from '../admin/world.js'
import { startService, type TestService } from '../support/service.js'
import { commandLineOf } from './admin-world.js'

let service: TestService
let key: { id: string; value: string }
beforeAll(async () => {
  service = await startService()
  service.clock.freeze('2026-11-21T12:00:00.000Z')
  key = await service.createKey('bob')
  service.clock.advance(60_000)
  await admin('api-key', 'revoke', key.id, '--yes')
})
afterAll(() => service.close())

const { admin, latchkey } = commandLineOf(() => service)

const actionsOf = (out: string): string[] =>
  out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).action]))

test.each([
  ['--from', 'yesterday'],
  ['--to', '2026-13-01T00:00:00Z'],
  ['--limit', 'all'],
])('%s %s is a wrong command', async (...filter) => {
  const outcome = await admin('audit', ...filter)

  expect(outcome).toMatchObject({ exitCode: 64, out: '' })
})

test('the ledger is a table, the newest first, without a value', async () => {
  const { out } = await admin('audit', '--target', key.id)

  const lines = out.trimEnd().split('\n')
  expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
    ['At (UTC)', 'Action', 'Target', 'Actor', 'Via', 'Address'],
    ['2026-11-21T12:01:00', 'key.revoked', key.id, 'automation', 'api-key', '127.0.0.1'],
    ['2026-11-21T12:00:00', 'key.created', key.id, 'bob', 'oauth2', '127.0.0.1'],
  ])
  expect(out).not.toContain(key.value)
})

test('for programs it is a line of JSON for each event', async () => {
  const { out } = await admin('audit', '--target', key.id, '--json')

  expect(actionsOf(out)).toEqual(['key.revoked', 'key.created'])
})

test.each([
  [['--actor', 'bob'], ['key.created']],
  [['--actor', 'automation'], ['key.revoked']],
  [['--action', 'key.revoked'], ['key.revoked']],
  [['--owner', subjects.bob, '--limit', '1'], ['key.revoked']],
  [['--owner', subjects.alice], []],
  [['--from', '2026-11-21T12:00:30Z'], ['key.revoked']],
  [['--to', '2026-11-21T12:00:30Z'], ['key.created']],
  [
    ['--from', '2026-11-21', '--to', '2026-11-22'],
    ['key.revoked', 'key.created'],
  ],
])('%j finds %j', async (filter, actions) => {
  const { out } = await admin('audit', '--json', '--target', key.id, ...filter)

  expect(actionsOf(out)).toEqual(actions)
})

test('it is read over all its pages, or for as many lines as were asked for', async () => {
  const line = await service.db.prisma.auditEvent.findFirstOrThrow()
  const { id: _, details: __, ...others } = line
  await service.db.prisma.auditEvent.createMany({
    data: Array.from({ length: 450 }, () => ({ ...others, targetId: 'many', details: {} })),
  })

  const all = await latchkey(['admin', 'audit', '--target', 'many', '--json'])
  const some = await latchkey(['admin', 'audit', '--target', 'many', '--json', '--limit', '401'])

  expect(actionsOf(all.out)).toHaveLength(450)
  expect(some.out).toBe(all.out.split('\n').slice(0, 401).join('\n').concat('\n'))
})
