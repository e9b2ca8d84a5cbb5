import { type Command, InvalidArgumentError } from 'commander'
import { jsonOption } from '../json.js'

export interface JsonOption {
  json?: boolean | undefined
}

export interface ListOptions extends JsonOption {
  /** Lines, over all pages. */
  limit?: number
}

export interface YesOption {
  yes?: boolean
}

export const addJsonOption = (command: Command): Command => command.option(...jsonOption)

export const addListOptions = (command: Command): Command =>
  command.option('--limit <lines>', 'the newest so many (default: all)', parseCount).option(...jsonOption)

/** For what cannot be undone. */
export const addYesOption = (command: Command): Command => command.option('--yes', 'do not ask')

/** Of an option that takes several words, or with `--no-` none. */
export const readNames = (names: string[] | false | undefined): string[] | undefined =>
  names === false ? [] : names && [...new Set(names)]

/** A whole number from 1 on. */
export function parseCount(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is a whole number from 1 on.')
}

/** The id of a service or of a service group. */
export function parseRegistryId(text: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,62}$/.test(text)) return text
  throw new InvalidArgumentError('An id is of small letters, digits and hyphens.')
}

/** Of a person at the identity provider, or `server:<id>`. */
export function parseSubject(text: string): string {
  // A path would lose segments of dots alone, and ask for something else.
  if (text !== '' && !/^\.+$/.test(text)) return text
  throw new InvalidArgumentError('A subject is what `latchkey admin api-key show` tells of the owner.')
}
