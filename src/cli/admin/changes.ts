import { CommandFailed, exitCodes } from '../exit-codes.js'
import { type Terminal, tell } from '../terminal.js'
import { printJson } from './documents.js'
import type { JsonOption } from './options.js'

/** @throws CommandFailed for a change of nothing, which the service would refuse in words of its own */
export function requireChange(change: object): void {
  if (Object.keys(change).length > 0) return
  throw new CommandFailed(exitCodes.usage, 'nothing to change is named: see --help')
}

/** Tells people what was done, and programs what there is now. */
export function tellChange(
  terminal: Terminal,
  sentence: string,
  document: unknown,
  { json }: JsonOption,
): void {
  tell(terminal, sentence)
  if (json) printJson(terminal, document)
}

/** The members that were given: those that were not are undefined. */
export const given = <T extends object>(members: T) =>
  // What is taken away is what the type takes away.
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Given<T>

type Given<T> = { [Name in keyof T]?: Exclude<T[Name], undefined> }
