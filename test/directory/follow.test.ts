import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Verdict } from '../../src/auth/types.js'
import { type Directory, type FollowOptions, followDirectory } from '../../src/directory/follow.js'
import { type DirectorySource, NotAllowed, noDirectory } from '../../src/directory/source.js'
import { createKeyVerifier, type KeyVerifier } from '../../src/keys/verify.js'
import { aForgedValue, requestsTo, subjects } from '../keys/requests.js'
import { createPeople, type People } from '../support/people.js'
import { startService, type TestService } from '../support/service.js'
import { aUsage } from '../support/usage.js'
import { openWatchedDatabase, type WatchedDatabase } from '../support/watched-database.js'

// Keys are made through the service; they are checked as a replica does that follows the people of this test.
let service: TestService
let db: WatchedDatabase
let people: People
let now: number
let logged: string[]
const open: Directory[] = []
const ask = requestsTo(() => service)
const seconds = 1000
beforeAll(async () => {
  db = await openWatchedDatabase()
  service = await startService({ MAX_KEYS_PER_USER: '1000' }, { db })
})
beforeEach(async () => {
  await db.prisma.directoryState.deleteMany()
  await db.prisma.auditEvent.deleteMany()
  await db.prisma.apiKey.deleteMany()
  await db.prisma.owner.deleteMany()
  people = createPeople()
  now = service.clock.now()
  logged = []
})
afterEach(async () => {
  db.isDown = false
  for (const directory of open.splice(0)) await directory.close()
})
afterAll(() => service.close())

interface Replica {
  directory: Directory
  verifier: KeyVerifier
  check(value: string): Promise<Verdict>
  kindOf(value: string): Promise<Verdict['kind']>
}

/** A replica after its first round, unless that is still under way. */
async function aReplica(options: Partial<FollowOptions> & { waits?: boolean } = {}): Promise<Replica> {
  const clock = () => now
  const directory = followDirectory({
    ...{ source: people, db, policy: 'suspend', syncMs: 30 * seconds, maxStaleMs: 3600 * seconds, clock },
    log: pino({}, { write: (line: string) => logged.push(line) }),
    ...options,
  })
  open.push(directory)
  const verifier = createKeyVerifier({
    ...{ db, prefix: 'lk', owners: directory, maxStaleMs: 60 * seconds, clock },
    usage: aUsage(),
    refusals: { retryAfterSeconds: () => 0, count() {} },
  })
  await directory.start(verifier)
  if (options.waits !== false) await directory.sync()
  const check = async (value: string) => verifier.verify(value, '192.0.2.1')
  return { directory, verifier, check, kindOf: async (value) => (await check(value)).kind }
}

const principalOf = async (replica: Replica, value: string) => {
  const verdict = await replica.check(value)
  if (verdict.kind !== 'accepted') throw new Error(`The key was not accepted: ${verdict.kind}`)
  return verdict.principal
}
const later = (ms: number) => {
  now += ms
}
const ledger = async () => {
  const events = await db.prisma.auditEvent.findMany({
    where: { actorSubject: 'directory' },
    orderBy: { id: 'asc' },
  })
  return events.map(({ action, targetId }) => `${action} ${targetId}`)
}
const ownerRow = () => db.prisma.owner.findUniqueOrThrow({ where: { subject: subjects.alice } })

test('the keys of someone who is disabled are refused after the next round, in use and idle alike', async () => {
  const inUse = await service.createKey('alice')
  const idle = await service.createKey('alice')
  const others = await service.createKey('bob')
  const replica = await aReplica()
  expect(await replica.kindOf(inUse.value)).toBe('accepted')

  people.set(subjects.alice, 'disabled')
  await replica.directory.sync()

  expect(await replica.kindOf(inUse.value)).toBe('refused')
  expect(await replica.kindOf(idle.value)).toBe('refused')
  expect(await replica.kindOf(others.value)).toBe('accepted')
  expect(await ledger()).toEqual([`owner.disabled ${subjects.alice}`])
  expect((await ask.as('bob', 'GET', '/api-keys')).json.items[0].status).toBe('active')
})

test('they work again after the round that follows the enabling', async () => {
  const { value } = await service.createKey('alice')
  const replica = await aReplica()
  people.set(subjects.alice, 'disabled')
  await replica.directory.sync()
  expect(await replica.kindOf(value)).toBe('refused')

  people.set(subjects.alice, {})
  await replica.directory.sync()

  expect(await replica.kindOf(value)).toBe('accepted')
  expect(await ledger()).toEqual([`owner.disabled ${subjects.alice}`, `owner.enabled ${subjects.alice}`])
})

test('a disabled person with the subject of a server user disables no server key', async () => {
  const server = await service.createKey('alice')
  const subject = `server:${server.id}`
  const { login, knownAt } = await ownerRow()
  await db.prisma.owner.create({ data: { subject, kind: 'server', login, rights: [], knownAt } })
  await db.prisma.apiKey.update({ where: { id: server.id }, data: { ownerSubject: subject } })
  const replica = await aReplica()

  people.set(subject, 'disabled')
  people.set('a\0b', 'disabled')
  await replica.directory.sync()
  await replica.directory.look(subject)

  expect(replica.directory.isDisabled(subject)).toBe(false)
  expect(await replica.kindOf(server.value)).toBe('accepted')
  expect(await ledger()).toEqual([])
})

test('who is missing in the list of the disabled is not enabled by that', async () => {
  const { value } = await service.createKey('alice')
  const replica = await aReplica()
  people.set(subjects.alice, 'disabled')
  await replica.directory.sync()

  people.overlooked.add(subjects.alice)
  await replica.directory.sync()

  expect(await replica.kindOf(value)).toBe('refused')
  expect((await ownerRow()).enabled).toBe(false)
})

test('someone who is deleted is noticed at the next round when their key is in use', async () => {
  const { value } = await service.createKey('alice')
  const replica = await aReplica()
  expect(await replica.kindOf(value)).toBe('accepted')

  people.set(subjects.alice, 'deleted')
  await replica.directory.sync()

  expect(await replica.kindOf(value)).toBe('refused')
  expect(await ledger()).toEqual([`owner.deleted ${subjects.alice}`])
})

test('someone who is deleted is noticed at the first use of an idle key', async () => {
  const { value } = await service.createKey('alice')
  const replica = await aReplica()
  people.set(subjects.alice, 'deleted')
  later(31 * seconds)

  expect(await replica.kindOf(value)).toBe('refused')
})

test('who was deleted by mistake is asked for again, and their keys are back', async () => {
  const { value } = await service.createKey('alice')
  const replica = await aReplica()
  await replica.kindOf(value)
  people.set(subjects.alice, 'deleted')
  await replica.directory.sync()
  expect(await replica.kindOf(value)).toBe('refused')

  people.set(subjects.alice, {})
  later(600 * seconds)
  await replica.directory.sync()

  expect(await replica.kindOf(value)).toBe('accepted')
})

test('the deleted are not asked for in every round', async () => {
  const { value } = await service.createKey('alice')
  const replica = await aReplica()
  await replica.kindOf(value)
  people.set(subjects.alice, 'deleted')
  await replica.directory.sync()
  later(120 * seconds)
  people.asked.length = 0

  await replica.directory.sync()
  await replica.directory.sync()

  expect(people.asked).toEqual([])
})

test('rights that were withdrawn leave the key, and new ones join it', async () => {
  const all = await service.createKey('alice')
  const some = await service.createKey('alice', { scopes: ['latchkey:catalog_read'] })
  const replica = await aReplica()
  expect((await principalOf(replica, all.value)).scopes).toEqual(['latchkey:catalog_read', 'rspy-user'])
  expect((await principalOf(replica, some.value)).scopes).toEqual(['latchkey:catalog_read'])

  later(20 * seconds)
  people.set(subjects.alice, { rights: ['newcomer', 'rspy-user'] })
  await replica.directory.sync()

  expect((await principalOf(replica, all.value)).scopes).toEqual(['newcomer', 'rspy-user'])
  expect((await principalOf(replica, some.value)).scopes).toEqual([])
  expect((await principalOf(replica, some.value)).roles).toEqual(['newcomer', 'rspy-user'])
})

test('attributes stand over what the owner wrote into the config of the key, which itself stays', async () => {
  const { value, id } = await service.createKey('alice', { config: { department: 'mine', colour: 'red' } })
  const replica = await aReplica()
  later(31 * seconds)
  people.set(subjects.alice, { attributes: { department: 'ops' } })

  const { config, attributes } = await principalOf(replica, value)

  expect(config).toEqual({ department: 'ops', colour: 'red' })
  expect(attributes).toEqual({ department: 'ops' })
  expect((await ask.as('alice', 'GET', `/api-keys/${id}`)).json.config).toEqual({
    department: 'mine',
    colour: 'red',
  })
})

test('a token that is newer than what was seen keeps its word', async () => {
  const { value } = await service.createKey('alice')
  const replica = await aReplica()
  await replica.kindOf(value)
  people.set(subjects.alice, { rights: [] })
  people.slow.set(subjects.alice, 100)
  const look = replica.directory.look(subjects.alice)
  await new Promise((resolve) => setTimeout(resolve, 20))
  later(5 * seconds)
  await db.prisma.owner.updateMany({ data: { rights: ['just-granted'], knownAt: new Date(now) } })

  await look

  expect((await ownerRow()).rights).toEqual(['just-granted'])
})

test('a key whose owner was not looked at for long waits for that', async () => {
  const { value } = await service.createKey('alice')
  const replica = await aReplica()
  later(30 * seconds)
  people.delayMs = 50
  people.set(subjects.alice, { rights: ['as-of-now'] })

  const verdict = replica.verifier.verify(value, '192.0.2.1')

  expect(verdict).toBeInstanceOf(Promise)
  expect((await principalOf(replica, value)).scopes).toEqual(['as-of-now'])
  people.asked.length = 0
  expect(await replica.kindOf(value)).toBe('accepted')
  expect(people.asked).toEqual([])
})

test('a hundred first uses of a person’s keys at once ask for them once', async () => {
  const keys = await Promise.all(Array.from({ length: 10 }, () => service.createKey('alice')))
  const replica = await aReplica()
  later(60 * seconds)
  people.delayMs = 20
  people.asked.length = 0

  const kinds = await Promise.all(
    Array.from({ length: 100 }, (_, at) => replica.kindOf(keys[at % 10]?.value ?? '')),
  )

  expect(new Set(kinds)).toEqual(new Set(['accepted']))
  expect(people.asked).toEqual([subjects.alice])
})

test('wrong values make nobody ask the identity provider', async () => {
  const { value, id } = await service.createKey('alice')
  const replica = await aReplica()
  await replica.kindOf(value)
  later(60 * seconds)
  people.asked.length = 0

  expect(await replica.kindOf(aForgedValue(id))).toBe('refused')
  expect(await replica.kindOf('lk_nonsense')).toBe('refused')

  expect(people.asked).toEqual([])
})

test('an identity provider that is slow costs one wait, then what is known serves at once', async () => {
  const { value } = await service.createKey('alice')
  const replica = await aReplica({ patienceMs: 30 })
  await replica.kindOf(value)
  later(31 * seconds)
  people.delayMs = 300

  expect(await replica.kindOf(value)).toBe('accepted')

  expect(replica.verifier.verify(value, '192.0.2.1')).not.toBeInstanceOf(Promise)
})

test('while the identity provider is away what is known serves for an hour, then nobody can tell', async () => {
  const { value, id } = await service.createKey('alice')
  const replica = await aReplica()
  await replica.kindOf(value)
  const { knownAt } = await ownerRow()
  people.failure = new Error('connect ECONNREFUSED')
  await replica.directory.sync()

  now = knownAt.getTime() + 3600 * seconds - 1
  expect(await replica.kindOf(value)).toBe('accepted')
  later(1)
  expect(await replica.kindOf(value)).toBe('unavailable')
  expect(await replica.kindOf(aForgedValue(id))).toBe('refused')

  people.failure = null
  await replica.directory.sync()
  expect(await replica.kindOf(value)).toBe('accepted')
})

test('an outage is told once in the log, and its end', async () => {
  const replica = await aReplica()
  people.failure = new Error('connect ECONNREFUSED')
  for (let round = 0; round < 5; round++) await replica.directory.sync()
  people.failure = null
  await replica.directory.sync()

  const messages = logged.map((line) => JSON.parse(line).msg)

  expect(messages).toEqual([
    'the identity provider tells who the owners of keys are',
    'the identity provider does not tell who the owners of keys are: keys go on for DIRECTORY_MAX_STALE_SECONDS',
    'the identity provider tells who the owners of keys are',
  ])
  expect(logged.join()).toContain('connect ECONNREFUSED')
})

test('a clock that is set back does not make old knowledge current', async () => {
  const { value } = await service.createKey('alice')
  const replica = await aReplica()
  await replica.kindOf(value)
  people.set(subjects.alice, 'deleted')

  later(-3600 * seconds)

  expect(await replica.kindOf(value)).toBe('refused')
})

test('who was disabled before a restart in an outage stays so', async () => {
  const { value } = await service.createKey('alice')
  const before = await aReplica()
  people.set(subjects.alice, 'disabled')
  await before.directory.sync()
  people.failure = new Error('connect ECONNREFUSED')

  const replica = await aReplica()

  expect(await replica.kindOf(value)).toBe('refused')
  expect(replica.directory.isDisabled(subjects.alice)).toBe(true)
})

test('after a restart in an outage what was known before still serves, and no longer than before', async () => {
  const { value } = await service.createKey('alice')
  await aReplica()
  people.failure = new Error('connect ECONNREFUSED')
  later(1800 * seconds)
  const replica = await aReplica()

  expect(await replica.kindOf(value)).toBe('accepted')
  later(1800 * seconds)
  expect(await replica.kindOf(value)).toBe('unavailable')
})

test('without a service account what the last login told serves, however long ago', async () => {
  const { value } = await service.createKey('alice')
  people.failure = new NotAllowed('no service account')
  const replica = await aReplica()

  later(365 * 86_400 * seconds)
  await db.prisma.apiKey.updateMany({ data: { expiresAt: null } })

  expect(replica.directory.follows()).toBe(false)
  expect(await replica.kindOf(value)).toBe('accepted')
  expect(logged.join()).toContain('what their last login told serves, and no key may live for ever')
})

test('without a service account a start in an outage works as before', async () => {
  const { value } = await service.createKey('alice', { never_expires: true })
  people.failure = new NotAllowed('no service account')
  await aReplica()
  people.failure = new Error('connect ECONNREFUSED')
  later(86_400 * seconds)

  const replica = await aReplica()

  expect(await replica.kindOf(value)).toBe('accepted')
  expect(replica.directory.follows()).toBe(null)
})

test('a restart does not turn a service account that is refused into nobody being followed', async () => {
  const { value } = await service.createKey('alice', { never_expires: true })
  await aReplica()
  people.failure = new NotAllowed('its secret is wrong')
  later(3601 * seconds)

  const replica = await aReplica()

  expect(await replica.kindOf(value)).toBe('unavailable')
  expect(replica.directory.follows()).toBe(true)
  expect(logged.join()).toContain('set DIRECTORY_URL=off')
})

test('with DIRECTORY_URL=off nobody is followed any more, at once', async () => {
  const { value } = await service.createKey('alice', { never_expires: true })
  await aReplica()
  later(3601 * seconds)

  const replica = await aReplica({ source: noDirectory('DIRECTORY_URL is off') })

  expect(await replica.kindOf(value)).toBe('accepted')
  expect(replica.directory.follows()).toBe(false)
})

test('one person of whom nothing can be told stops the following of nobody else', async () => {
  const [alices, bobs] = [await service.createKey('alice'), await service.createKey('bob')]
  const replica = await aReplica()
  await replica.kindOf(alices.value)
  await replica.kindOf(bobs.value)
  people.broken.add(subjects.bob)
  await replica.directory.sync()

  people.set(subjects.alice, 'deleted')
  await replica.directory.sync()

  expect(await replica.kindOf(alices.value)).toBe('refused')
  expect(await replica.kindOf(bobs.value)).toBe('accepted')
})

test('of that person what is known serves as in an outage, and no longer', async () => {
  const [alices, bobs] = [await service.createKey('alice'), await service.createKey('bob')]
  const replica = await aReplica()
  people.broken.add(subjects.bob)
  later(3500 * seconds)
  expect(await replica.kindOf(bobs.value)).toBe('accepted')

  later(200 * seconds)

  expect(await replica.kindOf(bobs.value)).toBe('unavailable')
  expect(await replica.kindOf(alices.value)).toBe('accepted')
})

test('one person who is slow to tell of makes nobody else wait, nor be believed unasked', async () => {
  const [alices, bobs] = [await service.createKey('alice'), await service.createKey('bob')]
  const replica = await aReplica({ patienceMs: 30 })
  people.slow.set(subjects.bob, 200)
  later(60 * seconds)
  expect(await replica.kindOf(bobs.value)).toBe('accepted')

  people.set(subjects.alice, 'deleted')

  expect(await replica.kindOf(alices.value)).toBe('refused')
})

test('an answer that was long on its way does not overrule a newer one', async () => {
  const { value } = await service.createKey('alice')
  const replica = await aReplica({ patienceMs: 10 })
  later(60 * seconds)
  people.slow.set(subjects.alice, 150)
  const early = replica.kindOf(value)
  later(1)
  people.set(subjects.alice, 'disabled')
  await replica.directory.sync()
  await early

  await new Promise((resolve) => setTimeout(resolve, 250))

  expect(await replica.kindOf(value)).toBe('refused')
  expect((await ownerRow()).enabled).toBe(false)
})

test('the questions about many people at once are few at a time', async () => {
  const replica = await aReplica()
  let underWay = 0
  let most = 0
  const find = people.find
  people.find = async (subject) => {
    underWay += 1
    most = Math.max(most, underWay)
    const person = await find(subject)
    underWay -= 1
    return person
  }
  people.delayMs = 5

  await Promise.all(Array.from({ length: 200 }, (_, at) => replica.directory.look(`person-${at}`)))

  expect(most).toBe(8)
})

test('an end does not wait for everybody to be looked at', async () => {
  const replica = await aReplica()
  for (let at = 0; at < 80; at++) replica.directory.noteUse(`person-${at}`)
  people.delayMs = 100
  void replica.directory.sync()
  await new Promise((resolve) => setTimeout(resolve, 150))

  await replica.directory.close()

  expect(people.asked.length).toBeLessThan(40)
})

test('knowledge from a clock that is ahead is replaced by what is told now', async () => {
  const { value } = await service.createKey('alice')
  await db.prisma.owner.updateMany({ data: { knownAt: new Date(now + 300 * seconds) } })
  const replica = await aReplica()
  people.set(subjects.alice, { rights: ['as-of-now'] })

  expect((await principalOf(replica, value)).scopes).toEqual(['as-of-now'])
  expect((await ownerRow()).knownAt.getTime()).toBeLessThanOrEqual(now)
})

test('a token of an identity provider whose clock is ahead makes a key that works', async () => {
  const iat = Math.floor(service.clock.now() / 1000) + 4
  const headers = await service.as('alice', { claims: { iat } })
  const payload = { name: 'made-ahead' }
  const { json } = await service.inject({ method: 'POST', url: '/api-keys', headers, payload })
  const replica = await aReplica()

  expect(await replica.kindOf(json.value)).toBe('accepted')
  expect((await ownerRow()).knownAt.getTime()).toBeLessThanOrEqual(service.clock.now())
})

test('a person who could be stored is forgotten here, though the next one could not be', async () => {
  const [alices, bobs] = [await service.createKey('alice'), await service.createKey('bob')]
  const replica = await aReplica()
  await replica.kindOf(alices.value)
  await replica.kindOf(bobs.value)
  people.set(subjects.alice, { rights: [] })
  people.set(subjects.bob, { login: 'a\u0000b' })

  await replica.directory.sync()
  await replica.directory.sync()

  expect((await principalOf(replica, alices.value)).scopes).toEqual([])
})

test('after its start a replica knows whom the store has as disabled, before it asked anybody', async () => {
  await service.createKey('alice')
  const before = await aReplica()
  people.set(subjects.alice, 'disabled')
  await before.directory.sync()
  people.delayMs = 500

  const replica = await aReplica({ waits: false })

  expect(replica.directory.isDisabled(subjects.alice)).toBe(true)
})

test('a service account that disappears while it is used is an outage, not a wish', async () => {
  const { value } = await service.createKey('alice', { never_expires: true })
  const replica = await aReplica()
  await replica.kindOf(value)
  people.failure = new NotAllowed('no service account')
  await replica.directory.sync()

  later(3601 * seconds)

  expect(await replica.kindOf(value)).toBe('unavailable')
})

test('a service account that comes is used without a restart', async () => {
  people.failure = new NotAllowed('no service account')
  const replica = await aReplica()
  people.failure = null

  await replica.directory.sync()

  expect(replica.directory.follows()).toBe(true)
})

test('with OWNER_DISABLED_POLICY=revoke enabling revives no key', async () => {
  const { value, id } = await service.createKey('alice')
  const replica = await aReplica({ policy: 'revoke' })
  people.set(subjects.alice, 'disabled')
  await replica.directory.sync()
  people.set(subjects.alice, {})
  await replica.directory.sync()

  expect(await replica.kindOf(value)).toBe('refused')
  expect((await ask.as('alice', 'GET', `/api-keys/${id}`)).json).toMatchObject({
    status: 'revoked',
    revoked_by: 'administrator',
  })
  expect((await ask.as('alice', 'POST', `/api-keys/${id}/renew`)).json.code).toBe('set_by_administrator')
  expect(await ledger()).toEqual([
    `owner.disabled ${subjects.alice}`,
    `key.revoked ${id}`,
    `owner.enabled ${subjects.alice}`,
  ])
})

test('two replicas that notice the same write it once', async () => {
  await service.createKey('alice')
  const [one, other] = [await aReplica(), await aReplica()]
  people.set(subjects.alice, 'disabled')

  await Promise.all([one.directory.sync(), other.directory.sync()])

  expect(await ledger()).toEqual([`owner.disabled ${subjects.alice}`])
})

test('while the database is down keys in use go on beyond the time in which their owners are looked at', async () => {
  const { value } = await service.createKey('alice')
  const replica = await aReplica()
  await replica.kindOf(value)
  await replica.directory.sync()
  later(20 * seconds)
  expect(await replica.kindOf(value)).toBe('accepted')

  db.isDown = true
  later(20 * seconds)
  await replica.directory.sync()
  later(20 * seconds)

  expect(await replica.kindOf(value)).toBe('accepted')
})

test('while the database is down, one person who changed takes nothing from the others', async () => {
  const [alices, bobs] = [await service.createKey('alice'), await service.createKey('bob')]
  const replica = await aReplica()
  await replica.kindOf(alices.value)
  await replica.kindOf(bobs.value)
  await replica.directory.sync()
  later(20 * seconds)
  expect(await replica.kindOf(alices.value)).toBe('accepted')

  db.isDown = true
  people.set(subjects.bob, { rights: ['changed'] })
  later(20 * seconds)
  await replica.directory.sync()
  later(20 * seconds)

  expect(await replica.kindOf(alices.value)).toBe('accepted')
})

test('while the database is down someone who is disabled is refused all the same', async () => {
  const { value } = await service.createKey('alice')
  const replica = await aReplica()
  await replica.kindOf(value)

  db.isDown = true
  people.set(subjects.alice, 'disabled')
  await replica.directory.sync()

  expect(await replica.kindOf(value)).toBe('refused')
  db.isDown = false
  await replica.directory.sync()
  expect((await ownerRow()).enabled).toBe(false)
})

test('people with working keys are looked at before an outage could stop their keys', async () => {
  const { value } = await service.createKey('alice')
  const replica = await aReplica()
  later(1801 * seconds)
  await replica.directory.sync()
  people.failure = new Error('connect ECONNREFUSED')
  later(1801 * seconds)
  await replica.directory.sync()

  expect(await replica.kindOf(value)).toBe('accepted')
})

test('people without a working key are not looked at', async () => {
  const { id } = await service.createKey('alice')
  await ask.as('alice', 'POST', `/api-keys/${id}/revoke`)
  const replica = await aReplica()
  later(1801 * seconds)
  people.asked.length = 0

  await replica.directory.sync()

  expect(people.asked).toEqual([])
})

test('the close does not wait for an identity provider that is silent, and takes it for no outage', async () => {
  const untilAborted = (signal?: AbortSignal) =>
    new Promise<never>((_resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason))
    })
  const source: DirectorySource = {
    listDisabled: (signal) => untilAborted(signal),
    find: (_subject, signal) => untilAborted(signal),
  }
  const replica = await aReplica({ source, waits: false })
  const round = replica.directory.sync()

  await replica.directory.close()
  await round

  expect(logged).toEqual([])
})
