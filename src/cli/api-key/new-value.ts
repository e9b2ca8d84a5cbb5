import {
  type ApiKeyDocument,
  type ApiKeyWithValue,
  UnavailableError,
  UnreachableError,
} from '../../client/index.js'
import { findCauseCode } from '../cause-code.js'
import type { CommandContext } from '../context.js'
import { deliverValue } from '../deliver-value.js'
import { writeJson } from '../json.js'
import { flatten } from '../table.js'
import { report, type Terminal } from '../terminal.js'

/** Prints a value that is shown only now, or the whole answer with it. @throws CommandFailed as `deliverValue` */
export function deliverKey(
  key: ApiKeyWithValue,
  { terminal }: CommandContext,
  { json, otherwise }: { json?: boolean; otherwise: string },
): Promise<void> {
  return deliverValue(json ? writeJson(key) : key.value, terminal, { otherwise })
}

export const describeName = ({ name }: Pick<ApiKeyDocument, 'name'>): string => `"${flatten(name)}"`

/** Where the answer is lost, a value may have been made that nobody has seen: then the user is told what to do. */
export function hintIfUnknown(error: unknown, terminal: Terminal, hint: string): void {
  if (mayBeDone(error)) report(terminal, `It is not known whether this was done. ${hint}`)
}

const neverSent = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'],
])

function mayBeDone(error: unknown): boolean {
  if (error instanceof UnreachableError) return !neverSent.has(findCauseCode(error) ?? '')
  // What the service says it cannot do now is not done later; a proxy in front knows less.
  return error instanceof UnavailableError && error.code !== 'unavailable'
}
