import { expect, test } from 'vitest'
import type { Principal, Verdict } from '../../src/auth/types.js'
import { refuseWhileOff } from '../../src/keys/key-switch.js'

const principal: Principal = {
  ...{ subject: 's', login: 'l', name: null, email: null, kind: 'user', via: 'api-key' },
  ...{ roles: [], scopes: [], attributes: {}, config: {} },
}
const accepted: Verdict = { kind: 'accepted', principal }
const refused: Verdict = { kind: 'refused' }

test('what is known is told at once, as long as keys are on', () => {
  const keySwitch = { isOff: false }
  const verify = refuseWhileOff<[string, string]>(keySwitch, () => accepted)

  expect(verify('value', '192.0.2.1')).toBe(accepted)
  keySwitch.isOff = true
  expect(verify('value', '192.0.2.1')).toEqual(refused)
})

test('while keys are off, nobody is asked', () => {
  let questions = 0
  const verify = refuseWhileOff<[string, string]>({ isOff: true }, () => {
    questions += 1
    return accepted
  })

  expect(verify('value', '192.0.2.1')).toEqual(refused)
  expect(questions).toBe(0)
})

test('what was being verified when keys were switched off is refused', async () => {
  const keySwitch = { isOff: false }
  let tell: (verdict: Verdict) => void = () => {}
  const verify = refuseWhileOff<[string, string]>(
    keySwitch,
    () => new Promise<Verdict>((resolve) => (tell = resolve)),
  )

  const verdict = verify('value', '192.0.2.1')
  keySwitch.isOff = true
  tell(accepted)

  expect(await verdict).toEqual(refused)
})

test('a verdict that comes while keys are on is passed on as it is, also that nobody can tell', async () => {
  const unavailable: Verdict = { kind: 'unavailable', cause: new Error('away') }
  const verify = refuseWhileOff<[string, string]>({ isOff: false }, async () => unavailable)

  expect(await verify('value', '192.0.2.1')).toBe(unavailable)
})
