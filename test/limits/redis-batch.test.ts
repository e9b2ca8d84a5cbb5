import { expect, test } from 'vitest'
import { createCalendar } from '../../src/limits/calendar.js'
import { RedisBatch } from '../../src/limits/redis-batch.js'
import type { LimitDecision, LimitedParty } from '../../src/limits/types.js'
import { aLimit, aParty } from './a-keeper.js'

const now = Date.parse('2026-11-21T12:00:00.000Z')
const joined = { kind: 'joined', epoch: 'one' } as const

function aBatch() {
  const batch = new RedisBatch(joined, createCalendar('UTC')(now))
  const answers: string[] = []
  const call = (...parties: LimitedParty[]) =>
    batch.add({ kind: 'take', settle: (answer) => answers.push(kindOf(answer)) }, parties, null)
  return { batch, call, answers }
}

const kindOf = (answer: LimitDecision | string) => (typeof answer === 'string' ? answer : answer.kind)

/** The calls as the script reads them, after the five numbers of each party. */
const callsOf = (batch: RedisBatch) => batch.words().slice(5 * batch.keys().length)

test('equal calls are sent as one with their number', () => {
  const { batch, call } = aBatch()
  const [key, other] = [aParty({ perDay: 5 }), aParty({ perDay: 5 })]

  for (const party of [key, other, key, other, key]) call(party)

  expect(batch.keys()).toHaveLength(2)
  expect(callsOf(batch)).toEqual([3, 1, 1, 2, 1, 2])
})

test('equal calls stay apart where a call of one of their parties came in between', () => {
  const { batch, call } = aBatch()
  const [key, other, owner] = [aParty({ perDay: 5 }), aParty({ perDay: 5 }), aParty({ perDay: 5 }, 'owner')]

  call(key, owner)
  call(key, owner)
  call(other, owner)
  call(key, owner)

  expect(callsOf(batch)).toEqual([2, 2, 1, 2, 1, 2, 3, 2, 1, 2, 1, 2])
})

test('limits that are not there, or that only count, are sent as such', () => {
  const { batch, call } = aBatch()

  call(aParty({ perSecond: 3 }))
  call(aParty({ perMonth: 7 }))

  expect(batch.words().slice(0, 10)).toEqual([3, -2, -2, -1, -1, -2, -1, 7, -1, -1])
})

test('other limits of a party, or too many parties, need another batch', () => {
  const { batch, call } = aBatch()
  const key = aParty({ perDay: 5 })
  call(key)

  expect(batch.admits([{ ...key, limits: aLimit({ perDay: 5 }) }])).toBe(true)
  expect(batch.admits([{ ...key, limits: aLimit({ perDay: 6 }) }])).toBe(false)
  for (let parties = 1; parties < 256; parties++) call(aParty({ perDay: 5 }))
  expect(batch.admits([aParty({ perDay: 5 })])).toBe(false)
})

test('calls of few parties that alternate need another batch at last', () => {
  const { batch, call } = aBatch()
  const [one, other, owner] = [aParty({ perDay: 5 }), aParty({ perDay: 5 }), aParty({ perDay: 5 }, 'owner')]

  for (let calls = 0; calls < 1024; calls++) call(calls % 2 === 0 ? one : other, owner)

  expect(batch.admits([one, owner])).toBe(false)
})

test('each call is decided by what the calls before it have left', () => {
  const { batch, call, answers } = aBatch()
  const [key, other] = [aParty({ perDay: 10 }), aParty({ perDay: 3 })]
  const owner = aParty({ perDay: 8 }, 'owner')
  const passed: string[] = []
  for (const party of [key, other, key, other, key]) call(party, owner)

  // The owner has three calls left, the other key one.
  batch.decideAll([0, 0, 0, 0, 5, 5, 0, 2, 2], now, ({ id }) => passed.push(id))

  expect(answers).toEqual(['passed', 'passed', 'passed', 'exceeded', 'exceeded'])
  expect(passed).toEqual([key.id, owner.id, other.id, owner.id, key.id, owner.id])
})

test('calls without an answer all end for the same reason', () => {
  const { batch, call, answers } = aBatch()
  for (let calls = 0; calls < 3; calls++) call(aParty({ perDay: 5 }))

  batch.settleAll('again')

  expect(answers).toEqual(['again', 'again', 'again'])
})

test('what is stored of a party is sent with it, and it counts as seeded where it is counted by day', () => {
  const { batch } = aBatch()
  const [byDay, bySecond] = [aParty({ perDay: 5 }), aParty({ perSecond: 5 })]
  const call = { kind: 'take', settle: () => {} } as const

  batch.add(call, [byDay, bySecond], [null, null])
  batch.add(call, [byDay, bySecond], [{ day: 2, month: 3 }, null])
  batch.add(call, [byDay, bySecond], [{ day: 9, month: 9 }, null])

  expect(batch.words().slice(0, 10)).toEqual([-2, 5, -1, 2, 3, 5, -2, -2, -1, -1])
  expect([...batch.seeded()]).toEqual([byDay.id])
})

test('who only looks is told what remains at that point, and counts nothing', () => {
  const { batch, call, answers } = aBatch()
  const key = aParty({ perDay: 10 })
  const remaining: unknown[] = []
  const look = () =>
    batch.add(
      {
        kind: 'look',
        settle: (quotas) => remaining.push(Array.isArray(quotas) ? quotas[0].remaining : quotas),
      },
      [key],
      null,
    )

  look()
  call(key)
  look()
  expect(callsOf(batch)).toEqual([1, 1, 1])
  batch.decideAll([0, 4, 4], now, () => {})

  expect([remaining, answers]).toEqual([[6, 5], ['passed']])
})

test('a party that is new to the batch may have any limits', () => {
  const { batch, call } = aBatch()
  const [key, owner] = [aParty({ perSecond: 5, perDay: 5, perMonth: 5 }), aParty({ perDay: 1 }, 'owner')]
  call(key)

  expect(batch.admits([key, owner])).toBe(true)
  for (const other of [{ perSecond: 6 }, { perDay: 6 }, { perMonth: 6 }]) {
    expect(batch.admits([owner, { ...key, limits: { ...key.limits, ...other } }])).toBe(false)
  }
  for (let parties = 1; parties < 255; parties++) call(aParty({ perDay: 5 }))
  expect(batch.admits([owner])).toBe(true)
})
