import { randomInt } from 'node:crypto'
import { flatten } from '../table.js'

const maxLength = 100
// Leaves place for a time and what tells two keys of the same second apart.
const maxBaseLength = 75
const moreTries = 5

/**
 * Names for a key that its user gave none, until one of them is free: what it is for, or where and when it was made.
 * @param now milliseconds since the epoch
 */
export function* proposeNames(
  { note = '' }: { note?: string },
  host: string,
  now: number,
): Generator<string> {
  const purpose = flatten(note)
  if (purpose !== '') yield cut(purpose, maxLength)
  const time = new Date(now).toISOString().slice(0, 19).replace('T', ' ')
  const dated = `${cut(purpose || flatten(host) || 'key', maxBaseLength)} ${time}`
  yield dated
  // By chance, since many may be made at once.
  for (let tries = 0; tries < moreTries; tries++) {
    yield `${dated} ${randomInt(36 ** 4)
      .toString(36)
      .padStart(4, '0')}`
  }
}

/** By whole characters, as the service counts them. */
const cut = (text: string, length: number) => [...text].slice(0, length).join('').trimEnd()
