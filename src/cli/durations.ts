import { InvalidArgumentError } from 'commander'

const unitSeconds = { s: 1, m: 60, h: 3600, d: 86_400, w: 7 * 86_400 } as const
type Unit = keyof typeof unitSeconds

// What no key lives longer than; a time that far from now can still be written.
const maxSeconds = 100 * 366 * unitSeconds.d

/**
 * Reads a time span as the options take it: whole seconds (`600`), or with a unit (`90s`, `10m`, `1h`, `15d`, `2w`).
 * @returns seconds
 * @throws InvalidArgumentError for anything else, nothing (`0s`) and more than a hundred years too
 */
export function parseDuration(text: string): number {
  const [, digits, unit = 's'] = /^([1-9]\d{0,9})([smhdw])?$/.exec(text) ?? []
  // The pattern names the units, and no others.
  const seconds = Number(digits) * unitSeconds[unit as Unit]
  if (!(seconds <= maxSeconds)) {
    throw new InvalidArgumentError(
      'It is a whole number with a unit: 600 (seconds), 90s, 10m, 1h, 15d or 2w.',
    )
  }
  return seconds
}

/**
 * Reads a time as the options take it: `2026-12-31`, `2026-12-31T23:59:59`, in UTC unless it says otherwise (`Z`, `+01:00`).
 * @returns the time as the API writes it
 * @throws InvalidArgumentError for anything else, a day that no calendar has too
 */
export function parseTime(text: string): string {
  const [, day, time = '00:00', zone = 'Z'] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text) ?? []
  const at = new Date(`${day}T${time}${zone}`)
  // February 30th would be read as a day of March.
  if (Number.isNaN(at.getTime()) || new Date(`${day}T00:00Z`).toISOString().slice(0, 10) !== day) {
    throw new InvalidArgumentError('It is a time such as 2026-12-31 or 2026-12-31T23:59:59, in UTC.')
  }
  return at.toISOString()
}

const words: [unit: number, word: string][] = [
  [unitSeconds.d, 'day'],
  [unitSeconds.h, 'hour'],
  [unitSeconds.m, 'minute'],
]

/** A time span as people say it, rounded: `15 days`, `90 minutes`, `1 second`. */
export function describeDuration(seconds: number): string {
  const [unit, word] = words.find(([unit]) => seconds >= 2 * unit) ?? [1, 'second']
  const count = Math.max(0, Math.round(seconds / unit))
  return `${count} ${word}${count === 1 ? '' : 's'}`
}
