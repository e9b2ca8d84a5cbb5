import type { LimitsDocument } from '../../../schemas/limits.js'
import type { CommandContext } from '../../context.js'
import { administrate } from '../administration.js'
import { reportChange } from '../changes.js'
import type { LimitOptions } from '../limit-options.js'
import type { JsonOption } from '../options.js'
import { readLimits } from '../read-limits.js'

/** Sets or lifts all limits over the keys of an owner. */
export async function setOwnerLimits(
  context: CommandContext,
  subject: string,
  options: LimitOptions & JsonOption,
): Promise<void> {
  // Commander requires all three. The service lifts a limit that is left out, and reading the others first is a race.
  const wanted: Partial<LimitsDocument> = readLimits(options) ?? {}
  const limits = await administrate(context, `owner ${subject} here`, (admin) =>
    admin.owners.setLimits(subject, wanted),
  )
  reportChange(context.terminal, `Set the limits over all keys of ${subject}.`, limits, options)
}
