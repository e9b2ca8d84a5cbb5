import { CommandFailed, exitCodes } from './exit-codes.js'
import type { Terminal } from './terminal.js'
import { readValueFile } from './value-file.js'

// Of any service: each chooses its prefix. The secret has 43 characters, its checksum 6.
const valuePattern = /^[a-z][a-z0-9]{0,9}_([0-9A-Za-z]{8})_[0-9A-Za-z]{49}$/
const secretPattern = /^[0-9A-Za-z]{49}$/
/** Of a key that was made elsewhere, a value is its id, a colon and its secret. */
const pairPattern = /^([A-Za-z0-9.-]{1,64}):./
const idPattern = /^(?!\.+$)[A-Za-z0-9.-]{1,64}$/

/** Whether that is the value of a key that was made here, and so not for others to see. */
export const isWholeValue = (text: string): boolean => valuePattern.test(text)

/**
 * The id of the key that a user named by its id or by its whole value, of which the secret goes no further.
 * @throws CommandFailed for anything else, without quoting it: it may be a value with a character too few
 */
export function requireKeyId(text: string): string {
  const id = (valuePattern.exec(text) ?? pairPattern.exec(text))?.[1]
  if (id !== undefined) return id
  // The last part alone would pass for the id of a key that was made elsewhere, and be sent in a URL.
  if (idPattern.test(text) && !secretPattern.test(text)) return text
  throw new CommandFailed(exitCodes.usage, 'that is neither the id of a key nor its whole value')
}

/** How a command was told which key it is about. */
export interface KeyChoice {
  /** The argument: an id or a value. */
  readonly key: string | undefined
  readonly valueFile?: string | undefined
}

/** The id of the key that a command is about. @throws CommandFailed when none is named, or two are */
export async function chooseKey({ key, valueFile }: KeyChoice, terminal: Terminal): Promise<string> {
  if (key !== undefined && valueFile !== undefined) {
    throw new CommandFailed(exitCodes.usage, 'name the key or --value-file, not both')
  }
  if (valueFile !== undefined) return requireKeyId(await readValueFile(valueFile, terminal))
  if (key === undefined) throw new CommandFailed(exitCodes.usage, 'which key? Name its id, or --value-file')
  return requireKeyId(key)
}
