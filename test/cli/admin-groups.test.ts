import { afterAll, beforeAll, expect, test } from 'vitest'
import { startService, type TestService } from '../support/service.js'
import { commandLineOf } from './admin-world.js'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

const { admin, json, latchkey } = commandLineOf(() => service)

test('a group that is not there is told by its id', async () => {
  const shown = await admin('group', 'show', 'nowhere')
  const updated = await admin('group', 'update', 'nowhere', '--name', 'Nowhere')
  const deleted = await admin('group', 'delete', 'nowhere', '--yes')

  for (const { exitCode, out, told } of [shown, updated, deleted]) {
    expect({ exitCode, out, told }).toEqual({
      ...{ exitCode: 1, out: '' },
      told: 'latchkey: there is no group nowhere (not_found)\n',
    })
  }
})

test.each([
  [['show', '../services'], 'small letters, digits and hyphens'],
  [['show', '..'], 'small letters, digits and hyphens'],
  [['show', ''], 'small letters, digits and hyphens'],
  [['create', 'Tools'], 'small letters, digits and hyphens'],
  [['create', 'tools', '--limit-per-day', '0'], 'a whole number from 1 on'],
  [['create', 'tools', '--limit-per-day', '1.5'], 'a whole number from 1 on'],
  [['list', '--limit', '-1'], 'a whole number from 1 on'],
  [['update', 'tools'], 'nothing to change'],
  [['delete', 'tools'], '--yes'],
])('%j is a wrong command, and nothing is asked of the service', async (args, sentence) => {
  const outcome = await latchkey(['admin', 'group', ...args], { env: { LATCHKEY_URL: 'http://127.0.0.1:1' } })

  expect(outcome).toMatchObject({ exitCode: 64, out: '' })
  expect(outcome.told).toContain(sentence)
})

test('an id that is taken is refused, and what is there stays', async () => {
  await admin('group', 'create', 'first', '--name', 'First')

  const outcome = await admin('group', 'create', 'first', '--name', 'Second')

  expect(outcome).toMatchObject({ exitCode: 1, out: '' })
  expect(outcome.told).toContain('id_taken')
  expect(await json('group', 'show', 'first')).toMatchObject({ name: 'First' })
})

test('each fault of the input is named as the service names it', async () => {
  const outcome = await admin('group', 'create', 'faulty', '--name', '', '--limit-per-day', '9999999999')

  expect(outcome).toMatchObject({ exitCode: 1, out: '' })
  expect(outcome.told).toContain('  name ')
  expect(outcome.told).toContain('  limits.per_day ')
})

test('a group that keys refer to is not deleted', async () => {
  await admin('group', 'create', 'used')
  await admin('server-key', 'create', '--name', 'user of it', '--groups', 'used')

  const outcome = await admin('group', 'delete', 'used', '--yes')

  expect(outcome).toMatchObject({ exitCode: 1, out: '' })
  expect(outcome.told).toContain('in_use')
  expect(await json('group', 'show', 'used')).toMatchObject({ id: 'used' })
})

test('a group is made, and called by its id until it has a name', async () => {
  const outcome = await admin('group', 'create', 'unnamed', '--limit-per-second', '5')

  expect(outcome).toEqual({ exitCode: 0, out: '', told: 'The group unnamed is made.\n' })
  expect(await json('group', 'show', 'unnamed')).toMatchObject({
    ...{ name: 'unnamed', description: '' },
    limits: { per_second: 5, per_day: null, per_month: null },
  })
})

test('a change concerns what it names, and nothing else', async () => {
  await admin(
    'group',
    'create',
    'changing',
    '--name',
    'Before',
    '--limit-per-second',
    '5',
    '--limit-per-day',
    '9',
  )

  const outcome = await admin('group', 'update', 'changing', '--no-limit-per-second')

  expect(outcome).toEqual({ exitCode: 0, out: '', told: 'The group changing is changed.\n' })
  expect(await json('group', 'show', 'changing')).toMatchObject({
    ...{ name: 'Before', limits: { per_second: null, per_day: 9, per_month: null } },
  })
})

test('a group is shown a line for each member', async () => {
  await admin('group', 'create', 'shown', '--name', 'Shown here', '--limit-per-day', '100')

  const { out } = await admin('group', 'show', 'shown')

  expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual(
    expect.arrayContaining([
      ['id', 'shown'],
      ['name', 'Shown here'],
      ['description', '-'],
      ['limits.per_second', '-'],
      ['limits.per_day', '100'],
    ]),
  )
})

test('a terminal is asked before a group is deleted, and anything but yes leaves it', async () => {
  await admin('group', 'create', 'kept')

  const no = await latchkey(['admin', 'group', 'delete', 'kept'], { typed: 'n\n' })
  const kept = await admin('group', 'show', 'kept')
  const yes = await latchkey(['admin', 'group', 'delete', 'kept'], { typed: 'y\n' })
  const gone = await admin('group', 'show', 'kept')

  expect(no).toMatchObject({ exitCode: 1, out: '' })
  expect(no.told).toContain('Delete the group kept?')
  expect(kept.exitCode).toBe(0)
  expect(yes).toMatchObject({ exitCode: 0, out: '' })
  expect(gone.exitCode).toBe(1)
})

test('the list has all pages, or as many lines as were asked for', async () => {
  const { prisma } = service.db
  const createdAt = new Date(service.clock.now())
  const others = { name: 'One of many', description: '', declaredBy: 'api', createdAt } as const
  await prisma.serviceGroup.createMany({
    data: Array.from({ length: 250 }, (_, at) => ({ id: `many-${at}`, ...others })),
  })

  const all: { id: string }[] = await json('group', 'list')
  const some: { id: string }[] = await json('group', 'list', '--limit', '230')
  const table = await admin('group', 'list', '--limit', '3')

  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
  expect(all.length).toBeGreaterThanOrEqual(250)
  expect(some).toEqual(all.slice(0, 230))
  expect(table.out.trimEnd().split('\n')).toHaveLength(4)
  expect(table.out).toMatch(/^Id +Name +Per second +Per day +Per month +From\n/)
})
