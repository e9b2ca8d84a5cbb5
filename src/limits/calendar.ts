/** The calendar second, day and month that an instant is in; all in milliseconds since the epoch, ends excluded. */
export interface Periods {
  readonly dayStart: number
  readonly dayEnd: number
  readonly monthStart: number
  readonly monthEnd: number
}

/** Finds the day and the month of an instant; the same object while the day lasts. */
export type Calendar = (at: number) => Periods

interface LocalDate {
  year: number
  /** 1 to 12. */
  month: number
  day: number
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** No zone is further from UTC than 14 hours, and none moves its clocks by more than a day. */
const furthestMs = 40 * hourMs

/**
 * The calendar of a time zone, by the rules that this Node knows. A day lasts as long as it does there: 23 or 25 hours
 * where clocks are moved.
 * @throws RangeError when nobody knows the zone
 */
export function createCalendar(timeZone: string): Calendar {
  const readDate = createDateReader(timeZone)
  let known: Periods = { dayStart: 0, dayEnd: 0, monthStart: 0, monthEnd: 0 }

  return (at) => {
    if (at < known.dayStart || at >= known.dayEnd) known = findPeriods(at)
    return known
  }

  function findPeriods(at: number): Periods {
    const { year, month, day } = readDate(at)
    const dayStart = findStart(year, month, day)
    // Where clocks went back over midnight a date comes twice: its one beginning tells which day it is.
    if (at < dayStart) return periodsFrom(findDayBefore(dayStart))
    return periodsFrom({ year, month, day })
  }

  function periodsFrom({ year, month, day }: LocalDate): Periods {
    return {
      dayStart: findStart(year, month, day),
      dayEnd: findStart(year, month, day + 1),
      monthStart: findStart(year, month, 1),
      monthEnd: findStart(year, month + 1, 1),
    }
  }

  function findDayBefore(dayStart: number): LocalDate {
    return readDate(dayStart - dayMs / 2)
  }

  /** The first instant of a date, which may be given as the 32nd of a month; not always midnight, where clocks move then. */
  function findStart(year: number, month: number, day: number): number {
    const wanted = Date.UTC(year, month - 1, day)
    let [before, after] = [wanted - furthestMs, wanted + furthestMs]
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2)
      const date = readDate(middle)
      if (Date.UTC(date.year, date.month - 1, date.day) < wanted) before = middle
      else after = middle
    }
    return after
  }
}

function createDateReader(timeZone: string): (at: number) => LocalDate {
  const format = new Intl.DateTimeFormat('en-u-ca-gregory-nu-latn', {
    timeZone,
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
  })
  return (at) => {
    const parts = format.formatToParts(at)
    const read = (type: Intl.DateTimeFormatPartTypes) =>
      Number(parts.find((part) => part.type === type)?.value)
    return { year: read('year'), month: read('month'), day: read('day') }
  }
}
