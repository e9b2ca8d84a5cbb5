import type { CommandContext } from '../../context.js'
import { chooseKey, type KeyChoice } from '../../key-id.js'
import { administrate } from '../administration.js'
import { reportChange } from '../changes.js'
import { describeKey } from '../describe-key.js'
import type { JsonOption, YesOption } from '../options.js'
import { requireConsentFor } from './consent.js'

interface RevokeOptions extends KeyChoice, JsonOption, YesOption {
  permanent?: boolean
}

/** Ends a key of anyone at once, after consent. */
export async function revokeAnyKey(context: CommandContext, options: RevokeOptions): Promise<void> {
  const { permanent = false } = options
  const { terminal } = context
  const id = await chooseKey(options, terminal)
  await requireConsentFor('Revoke', id, context, options)
  const revoked = await administrate(context, `API key ${id}`, (admin) =>
    admin.apiKeys.revoke(id, { permanent }),
  )
  const outcome = permanent ? 'is revoked for good' : 'is revoked'
  reportChange(terminal, `The ${describeKey(revoked)}, ${outcome}.`, revoked, options)
}
