import { InvalidOptionError } from './errors.js'

/**
 * Writes a body as JSON.
 * @throws InvalidOptionError for a number that JSON cannot hold: `JSON.stringify` would send null, or 0 for -0
 */
export const writeBody = (body: unknown): string =>
  JSON.stringify(body, (_name, value: unknown) => {
    if (typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))) return value
    throw new InvalidOptionError(`JSON cannot hold the number ${Object.is(value, -0) ? '-0' : value}`)
  })
