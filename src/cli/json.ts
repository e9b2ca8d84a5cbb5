import { InvalidArgumentError } from 'commander'
import { InexactJson, parseExactJson } from '../exact-json.js'
import { print, type Terminal } from './terminal.js'

/** The option of all that prints what a program may read. */
export const jsonOption = ['--json', 'all that is known, in JSON on stdout'] as const

/** Prints JSON for programs, which no terminal obeys. */
export function printJson(terminal: Terminal, document: unknown): void {
  print(terminal, writeJson(document))
}

/**
 * JSON in which what a terminal would obey, and what turns or hides text, stands as `\u…`: programs read the same.
 * @param indent 0: in one line
 */
export function writeJson(document: unknown, indent = 2): string {
  // Of control characters JSON itself escapes but the first 32, of which the line ends between members are left.
  return JSON.stringify(document, null, indent).replace(/[\u007F-\u009F\p{Cf}\u2028\u2029]/gu, escapeUnits)
}

const escapeUnits = (character: string): string =>
  character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')

/** Reads an option that is a JSON object, as `parseExactJson`. @throws InvalidArgumentError for anything else */
export function parseJsonObject(text: string): Record<string, unknown> {
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidArgumentError('It is a JSON object, such as \'{"project":"demo"}\'.')
  }
  return value as Record<string, unknown>
}

function parseJson(text: string): unknown {
  try {
    return parseExactJson(text)
  } catch (error) {
    if (!(error instanceof InexactJson)) return undefined
    throw new InvalidArgumentError(`${error.path === '' ? '' : `${error.path} `}${error.message}`)
  }
}
