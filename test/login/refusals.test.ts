import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FakeIssuer, startFakeIssuer } from '../support/fake-issuer.js'
import { startService, type TestService } from '../support/service.js'
import { beginLogin, comeBack, logInAt } from './visit.js'

let issuer: FakeIssuer
let service: TestService
beforeAll(async () => {
  issuer = await startFakeIssuer()
  service = await startService(issuer.env)
})
afterAll(async () => {
  await service.close()
  await issuer.close()
})
beforeEach(async () => {
  await service.db.prisma.auditEvent.deleteMany()
  // Each test has a minute of its own.
  service.clock.advance(61_000)
})

const readLedger = () => service.db.prisma.auditEvent.findMany({ orderBy: { id: 'asc' } })

test('a login that the identity provider refuses is in the ledger, with its address and its request', async () => {
  const { state, cookie } = await beginLogin(service)

  const answer = await comeBack(service, { error: 'access_denied', state }, cookie)

  expect(answer.status).toBe(400)
  expect(await readLedger()).toMatchObject([
    {
      action: 'login.refused',
      via: 'login',
      actorSubject: '',
      actorLogin: '',
      address: '127.0.0.1',
      requestId: answer.headers['x-request-id'],
    },
  ])
})

test('a login of someone who is disabled is in the ledger with who they are', async () => {
  await logInAt(issuer, service)
  await service.db.write((tx) => tx.owner.updateMany({ data: { enabled: false } }))

  const attempt = logInAt(issuer, service)
  await expect(attempt).rejects.toThrow(/made no session/)
  await service.db.write((tx) => tx.owner.updateMany({ data: { enabled: true } }))

  expect(await readLedger()).toMatchObject([
    { action: 'login.refused', actorSubject: 'carol-id', actorLogin: 'carol', targetId: 'carol-id' },
  ])
})

test('a login that came from nowhere is in the ledger, without what was sent', async () => {
  await comeBack(service, { code: 'a-code-that-leaks', state: 'a-state-that-leaks' }, '')

  const lines = await readLedger()

  expect(lines.map(({ action }) => action)).toEqual(['login.refused'])
  expect(JSON.stringify(lines.map(({ details }) => details))).not.toContain('leaks')
})

test('a login that succeeds is not, nor one while the identity provider is away', async () => {
  await logInAt(issuer, service)
  const { state, cookie } = await beginLogin(service)
  issuer.fail(true)

  const answer = await comeBack(service, { code: 'x', state }, cookie)
  issuer.fail(false)

  expect(answer.status).toBe(503)
  expect(await readLedger()).toEqual([])
})

test('a flood of them leaves sixty lines a minute, and every one is answered', async () => {
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => comeBack(service, { code: 'x', state: 'x' }, '')),
  )

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([400]))
  expect(await readLedger()).toHaveLength(60)
})
