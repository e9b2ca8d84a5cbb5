import type { Command } from 'commander'
import type { LimitsDocument } from '../../../schemas/limits.js'
import type { CommandContext } from '../../context.js'
import { administrate } from '../administration.js'
import { reportChange } from '../changes.js'
import { printDocument } from '../documents.js'
import { addWholeLimits, type LimitOptions, readLimits } from '../limit-options.js'
import { addJsonOption, type JsonOption, parseSubject } from '../options.js'

/** `latchkey admin owner …`: limits over the calls with all keys of somebody. */
export function addOwnerCommands(admin: Command, context: CommandContext): void {
  const owners = admin.command('owner').description('limits over all keys of a person or a server')
  const subject = ['<subject>', 'of the owner: what `admin api-key show` tells'] as const

  addJsonOption(owners.command('limits').description('the limits as they are now'))
    .argument(...subject, parseSubject)
    .action((subject: string, options: JsonOption) => show(context, subject, options))
  addJsonOption(addWholeLimits(owners.command('set-limits').description('set or lift all three of them')))
    .argument(...subject, parseSubject)
    .action((subject: string, options: LimitOptions & JsonOption) => set(context, subject, options))
}

async function show(context: CommandContext, subject: string, options: JsonOption): Promise<void> {
  const limits = await administrate(context, `owner ${subject} here`, (admin) => admin.owners.limits(subject))
  await printDocument(context.terminal, limits, options)
}

async function set(context: CommandContext, subject: string, options: LimitOptions & JsonOption) {
  // All are named: what is left out would be lifted, and whoever reads the others first may overwrite a colleague's.
  const wanted: Partial<LimitsDocument> = readLimits(options) ?? {}
  const limits = await administrate(context, `owner ${subject} here`, (admin) =>
    admin.owners.setLimits(subject, wanted),
  )
  reportChange(context.terminal, `Set the limits over all keys of ${subject}.`, limits, options)
}
