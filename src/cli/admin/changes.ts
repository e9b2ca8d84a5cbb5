import { CommandFailed, exitCodes } from '../exit-codes.js'
import { printJson } from '../json.js'
import { printable, report, type Terminal } from '../terminal.js'
import type { JsonOption } from './options.js'

/** @throws CommandFailed for a change of nothing, which the service would refuse in words of its own */
export function requireChange(change: object): void {
  if (Object.keys(change).length > 0) return
  throw new CommandFailed(exitCodes.usage, 'nothing to change is named: see --help')
}

/** Tells people what was done, and programs what there is now. */
export function reportChange(
  terminal: Terminal,
  sentence: string,
  document: unknown,
  { json }: JsonOption,
): void {
  report(terminal, printable(sentence))
  if (json) printJson(terminal, document)
}
