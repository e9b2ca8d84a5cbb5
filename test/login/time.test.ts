import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FakeIssuer, startFakeIssuer } from '../support/fake-issuer.js'
import { startService, type TestService } from '../support/service.js'
import { beginLogin, comeBack, logInAt, whoIs } from './visit.js'

const hourMs = 3_600_000
const pendingMs = 600_000

let issuer: FakeIssuer
let service: TestService
/** A whole second close to the system's time, which the tokens of the issuer tell. */
let start: number
beforeAll(async () => {
  issuer = await startFakeIssuer()
  service = await startService({ ...issuer.env, SESSION_LIFETIME_HOURS: '2' })
})
beforeEach(() => {
  start = Math.floor(Date.now() / 1000) * 1000
  service.clock.freeze(new Date(start))
})
afterAll(async () => {
  await service.close()
  await issuer.close()
})

test('a session is good until the millisecond of its end, whichever way the clock goes', async () => {
  const { session } = await logInAt(issuer, service)
  const end = start + 2 * hourMs
  const loginAt = async (time: number) => {
    service.clock.freeze(new Date(time))
    return (await whoIs(service, session))?.login
  }

  expect(await loginAt(start)).toBe('carol')
  expect(await loginAt(end - 1)).toBe('carol')
  expect(await loginAt(end)).toBeUndefined()
  expect(await loginAt(end - 1)).toBe('carol')
  expect(await loginAt(end + 400 * 24 * hourMs)).toBeUndefined()
  expect(await loginAt(start - hourMs)).toBe('carol')
})

test('a login under way is good until the millisecond of its end, whichever way the clock goes', async () => {
  const [early, late] = [await beginLogin(service), await beginLogin(service)]
  const comeBackAt = async (time: number, { nonce, state, cookie }: typeof early) => {
    service.clock.freeze(new Date(time))
    return (await comeBack(service, { code: issuer.grant({ nonce }), state }, cookie)).status
  }

  expect(await comeBackAt(start + pendingMs - 1, early)).toBe(302)
  expect(await comeBackAt(start + pendingMs, late)).toBe(400)
  expect(await comeBackAt(start + pendingMs - 1, late)).toBe(302)
})

test('a login that began within a second lasts until that second ten minutes later', async () => {
  service.clock.freeze(new Date(start + 999))
  const [early, late] = [await beginLogin(service), await beginLogin(service)]
  const comeBackAt = async (time: number, { nonce, state, cookie }: typeof early) => {
    service.clock.freeze(new Date(time))
    return (await comeBack(service, { code: issuer.grant({ nonce }), state }, cookie)).status
  }

  expect(await comeBackAt(start + pendingMs - 1, early)).toBe(302)
  expect(await comeBackAt(start + pendingMs, late)).toBe(400)
})

test('a login that came back is over, however far the clock is set back', async () => {
  const login = await beginLogin(service)
  const query = { code: issuer.grant({ nonce: login.nonce }), state: login.state }
  expect((await comeBack(service, query, login.cookie)).status).toBe(302)

  service.clock.freeze(new Date(start - hourMs))
  const again = { code: issuer.grant({ nonce: login.nonce }), state: login.state }

  expect((await comeBack(service, again, login.cookie)).status).toBe(400)
})
