import { hostname } from 'node:os'
import { type ApiKeyWithValue, ConflictError, type CreateKey, type Latchkey } from '../../client/index.js'
import type { CommandContext } from '../context.js'
import { finishFirst } from '../finish-first.js'
import { omitUndefined } from '../omit-undefined.js'
import { describeEnd } from '../table.js'
import { report } from '../terminal.js'
import { deliverKey, describeName, hintIfUnknown } from './new-value.js'
import { proposeNames } from './propose-names.js'

export interface CreateOptions {
  readonly name?: string
  readonly note?: string
  readonly scopes?: string[]
  /** Seconds. */
  readonly expiresIn?: number
  readonly neverExpires?: boolean
  readonly readOnly?: boolean
  readonly allowedIps?: string[]
  readonly allowedReferers?: string[]
  readonly jwt?: boolean
  readonly config?: Record<string, unknown>
  readonly json?: boolean
}

/** Makes a key, and prints its value alone; all else goes to stderr before, so that the key is known whatever happens. */
export async function createKey(context: CommandContext, options: CreateOptions): Promise<void> {
  const { terminal } = context
  const client = await context.connect()
  // Whoever presses Ctrl-C meanwhile would have a key and not know of it.
  await finishFirst(makeAndDeliver())

  async function makeAndDeliver() {
    const key = await make(client, options, context)
    const { id, expires_at: end } = key
    report(
      terminal,
      `Made the key ${id}, ${describeName(key)}. It ends: ${describeEnd(end, terminal.clock())}.`,
    )
    report(terminal, 'Keep its value now, it is not shown again:')
    await deliverKey(key, context, { ...options, otherwise: `revoke it: latchkey api-key revoke ${id}` })
  }
}

/** A name that the user did not choose may be taken: then the next will do. */
async function make(
  client: Latchkey,
  options: CreateOptions,
  { terminal }: CommandContext,
): Promise<ApiKeyWithValue> {
  const names =
    options.name === undefined ? proposeNames(options, hostname(), terminal.clock()) : [options.name]
  let taken: unknown
  for (const name of names) {
    try {
      return await client.apiKeys.create({ name, ...asWanted(options) })
    } catch (error) {
      hintIfUnknown(
        error,
        terminal,
        `Look for the name "${name}" in latchkey api-key list, and revoke that key.`,
      )
      if (!(error instanceof ConflictError && error.code === 'name_taken')) throw error
      taken = error
    }
  }
  throw taken
}

const asWanted = (options: CreateOptions): Partial<CreateKey> =>
  omitUndefined({
    note: options.note,
    scopes: options.scopes && [...new Set(options.scopes)],
    expires_in: options.expiresIn,
    never_expires: options.neverExpires,
    read_only: options.readOnly,
    allowed_ips: options.allowedIps,
    allowed_referers: options.allowedReferers,
    jwt: options.jwt,
    config: options.config,
  })
