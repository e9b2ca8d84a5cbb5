import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createCalendar } from '../../src/limits/calendar.js'

const hourMs = 3_600_000
const at = (text: string) => Date.parse(text)
const iso = (instant: number) => new Date(instant).toISOString()

function daysAt(timeZone: string, text: string) {
  const { dayStart, dayEnd, monthStart, monthEnd } = createCalendar(timeZone)(at(text))
  return {
    day: [iso(dayStart), iso(dayEnd)],
    month: [iso(monthStart), iso(monthEnd)],
    hours: (dayEnd - dayStart) / hourMs,
  }
}

test('a day in UTC begins and ends at midnight, and the next one with its last millisecond', () => {
  expect(daysAt('UTC', '2026-11-21T23:59:59.999Z').day).toEqual([
    '2026-11-21T00:00:00.000Z',
    '2026-11-22T00:00:00.000Z',
  ])
  expect(daysAt('UTC', '2026-11-22T00:00:00.000Z').day[0]).toBe('2026-11-22T00:00:00.000Z')
})

test('the 29th of February is a day of a leap year, and of no other', () => {
  expect(daysAt('UTC', '2028-02-29T12:00:00Z')).toMatchObject({
    day: ['2028-02-29T00:00:00.000Z', '2028-03-01T00:00:00.000Z'],
    month: ['2028-02-01T00:00:00.000Z', '2028-03-01T00:00:00.000Z'],
  })
  expect(daysAt('UTC', '2027-02-28T12:00:00Z').day[1]).toBe('2027-03-01T00:00:00.000Z')
})

test('the last day of a year ends its month', () => {
  expect(daysAt('Asia/Kolkata', '2026-12-31T18:29:59Z').month).toEqual([
    '2026-11-30T18:30:00.000Z',
    '2026-12-31T18:30:00.000Z',
  ])
  expect(daysAt('Asia/Kolkata', '2026-12-31T18:30:00Z').month[0]).toBe('2026-12-31T18:30:00.000Z')
})

test.each([
  ['Europe/Paris', '2026-03-29T12:00:00Z', 23],
  ['Europe/Paris', '2026-10-25T12:00:00Z', 25],
  ['America/New_York', '2026-03-08T17:00:00Z', 23],
  ['Australia/Lord_Howe', '2026-04-05T02:00:00Z', 24.5],
])('the day on which %s moves its clocks at %s has %s hours', (zone, instant, hours) => {
  expect(daysAt(zone, instant).hours).toBe(hours)
})

test('a day without a midnight begins where its clocks begin', () => {
  // Clocks in Cairo went from 00:00 to 01:00.
  expect(daysAt('Africa/Cairo', '2026-04-24T12:00:00Z')).toMatchObject({
    day: ['2026-04-23T22:00:00.000Z', '2026-04-24T21:00:00.000Z'],
    hours: 23,
  })
})

test('a day that comes twice begins once', () => {
  // Clocks in St. John's went from 00:01 back to 23:01 of the day before.
  const calendar = createCalendar('America/St_Johns')
  const before = calendar(at('2010-11-07T02:30:30Z'))
  const within = calendar(at('2010-11-07T02:31:30Z'))
  const after = calendar(at('2010-11-07T03:31:30Z'))

  const starts = [before, within, after].map(({ dayStart }) => dayStart)
  expect(starts).toEqual([...starts].sort((one, other) => one - other))
})

test('a zone that nobody knows is refused', () => {
  expect(() => createCalendar('Europe/Atlantis')).toThrow(RangeError)
})

test('every instant is in one day and one month, whichever way the clock goes', () => {
  const zones = ['UTC', 'Europe/Paris', 'America/New_York', 'Africa/Cairo', 'Pacific/Apia', 'Asia/Kathmandu']
  const instants = fc.integer({ min: at('2024-01-01T00:00:00Z'), max: at('2030-01-01T00:00:00Z') })
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.array(instants, { minLength: 1, maxLength: 4 }),
      (zone, list) => {
        const calendar = createCalendar(zone)
        for (const instant of list) {
          const { dayStart, dayEnd, monthStart, monthEnd } = calendar(instant)

          expect(dayStart).toBeLessThanOrEqual(instant)
          expect(dayEnd).toBeGreaterThan(instant)
          expect(monthStart).toBeLessThanOrEqual(dayStart)
          expect(monthEnd).toBeGreaterThanOrEqual(dayEnd)
          expect(createCalendar(zone)(dayStart)).toEqual(calendar(instant))
          expect(createCalendar(zone)(dayEnd - 1)).toEqual(calendar(instant))
          expect(createCalendar(zone)(dayEnd).dayStart).toBe(dayEnd)
        }
      },
    ),
    { numRuns: 60 },
  )
})
