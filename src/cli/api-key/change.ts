import type { ApiKeyDocument, Latchkey, UpdateKey } from '../../client/index.js'
import type { CommandContext } from '../context.js'
import { CommandFailed, exitCodes } from '../exit-codes.js'
import { printJson } from '../json.js'
import { chooseKey, type KeyChoice } from '../key-id.js'
import { omitUndefined } from '../omit-undefined.js'
import { describeEnd } from '../table.js'
import { report } from '../terminal.js'
import { describeName } from './new-value.js'
import { requireOwn } from './require-own.js'

export interface ChangeOptions extends KeyChoice {
  readonly json?: boolean
}

/** Ends a key at once. */
export function revokeKey(
  context: CommandContext,
  options: ChangeOptions & { readonly permanent?: boolean },
): Promise<void> {
  const { permanent = false } = options
  const outcome = permanent ? 'is revoked for good' : 'is revoked'
  return change(
    context,
    options,
    (keys, id) => keys.revoke(id, { permanent }),
    () => outcome,
  )
}

/** Gives a key a new end. */
export function renewKey(
  context: CommandContext,
  options: ChangeOptions & {
    /** Seconds from now, by the clock of this machine. */
    readonly expiresIn?: number
    readonly expiresAt?: string
  },
): Promise<void> {
  const now = context.terminal.clock()
  const { expiresIn, expiresAt } = options
  const end = expiresIn === undefined ? expiresAt : new Date(now + expiresIn * 1000).toISOString()
  return change(
    context,
    options,
    (keys, id) => keys.renew(id, end === undefined ? {} : { expires_at: end }),
    (key) => `is renewed. It ends: ${describeEnd(key.expires_at, now)}${describeHindrance(key)}`,
  )
}

/** Lets a key pause. */
export function disableKey(context: CommandContext, options: ChangeOptions): Promise<void> {
  return change(
    context,
    options,
    (keys, id) => keys.update(id, { enabled: false }),
    () => 'is disabled',
  )
}

/** Lets a paused key work again. */
export function enableKey(context: CommandContext, options: ChangeOptions): Promise<void> {
  return change(
    context,
    options,
    (keys, id) => keys.update(id, { enabled: true }),
    (key) => `is enabled${describeHindrance(key)}`,
  )
}

export interface UpdateOptions extends ChangeOptions {
  readonly name?: string
  readonly note?: string
  /** False: any. */
  readonly allowedIps?: string[] | false
  /** False: any. */
  readonly allowedReferers?: string[] | false
  readonly config?: Record<string, unknown>
}

/** Changes what is named. @throws CommandFailed when nothing is */
export async function updateKey(context: CommandContext, options: UpdateOptions): Promise<void> {
  const wanted: UpdateKey = omitUndefined({
    name: options.name,
    note: options.note,
    allowed_ips: options.allowedIps === false ? [] : options.allowedIps,
    allowed_referers: options.allowedReferers === false ? [] : options.allowedReferers,
    config: options.config,
  })
  if (Object.keys(wanted).length === 0) {
    throw new CommandFailed(exitCodes.usage, 'what shall change? See latchkey api-key update --help')
  }
  return change(
    context,
    options,
    (keys, id) => keys.update(id, wanted),
    () => 'is changed',
  )
}

/** Does it, and tells what became of the key; the key itself is printed only where it was asked for. */
async function change(
  context: CommandContext,
  options: ChangeOptions,
  act: (keys: Latchkey['apiKeys'], id: string) => Promise<ApiKeyDocument>,
  describeOutcome: (key: ApiKeyDocument) => string,
): Promise<void> {
  const { terminal } = context
  const id = await chooseKey(options, terminal)
  const client = await context.connect()
  const key = await requireOwn(id, act(client.apiKeys, id))
  report(terminal, `The key ${id}, ${describeName(key)}, ${describeOutcome(key)}.`)
  if (options.json) printJson(terminal, key)
}

/** Why the key does not work, though the user may think that now it does. */
const describeHindrance = ({ status }: ApiKeyDocument): string =>
  status === 'active' ? '' : `, but its status is: ${status}`
