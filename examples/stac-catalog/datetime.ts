import { refuse } from './errors.js'

/** Milliseconds since the epoch, both ends included; infinite where the interval is open. */
export interface Interval {
  readonly startsAt: number
  readonly endsAt: number
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-](\d\d):(\d\d))$/

/**
 * Reads an instant (`2026-03-01T00:00:00Z`) or an interval (`start/end`), where `..` or nothing is an open end.
 * @throws CatalogError 400
 * @see RFC 3339 §5.6, OGC API - Features 1.0 §7.15.4
 */
export function parseDatetime(text: string): Interval {
  const [start = '', end, ...more] = text.split('/')
  if (end === undefined) {
    const at = parseInstant(start)
    return { startsAt: at, endsAt: at }
  }
  if (more.length > 0) refuse('datetime', 'must be an instant, or two ends around one slash')
  // The standard has no name for "always"; the spelled-out form is taken, the empty one is a mistake.
  if (text !== '../..' && isOpen(start) && isOpen(end)) refuse('datetime', 'must have at least one end')
  const interval = {
    startsAt: isOpen(start) ? Number.NEGATIVE_INFINITY : parseInstant(start),
    endsAt: isOpen(end) ? Number.POSITIVE_INFINITY : parseInstant(end),
  }
  if (interval.endsAt < interval.startsAt) refuse('datetime', 'must not end before it starts')
  return interval
}

const isOpen = (end: string) => end === '..' || end === ''

function parseInstant(text: string): number {
  const [, year, month, day, hour, minute, second, offsetHour, offsetMinute] = rfc3339.exec(text) ?? []
  const isReal =
    Number(month) >= 1 &&
    Number(month) <= 12 &&
    Number(day) >= 1 &&
    Number(day) <= daysIn(Number(year), Number(month)) &&
    Number(hour) <= 23 &&
    Number(minute) <= 59 &&
    Number(second) <= 59 &&
    Number(offsetHour ?? 0) <= 23 &&
    Number(offsetMinute ?? 0) <= 59
  if (!isReal) {
    refuse('datetime', 'must be in RFC 3339 with a time zone, such as 2026-03-01T00:00:00Z')
  }
  return Date.parse(text.toUpperCase())
}

/** Day 0 of the next month; a year that JavaScript would read as 19xx is as long as the one 400 years later. */
const daysIn = (year: number, month: number) => new Date(Date.UTC(year + 400, month, 0)).getUTCDate()

export const overlap = (a: Interval, b: Interval) => a.startsAt <= b.endsAt && b.startsAt <= a.endsAt
