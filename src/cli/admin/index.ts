import type { Command } from 'commander'
import type { CommandContext } from '../context.js'
import { addAnyKeyCommands } from './any-key.js'
import { addAuditCommand } from './audit.js'
import { addGroupCommands } from './groups.js'
import { addOwnerCommands } from './owners.js'
import { addProviderCommands } from './provider.js'
import { addQuotaCommands } from './quotas.js'
import { addServerKeyCommands } from './server-keys.js'
import { addServiceCommands } from './services.js'
import { addUserCommands } from './users.js'

/** What administrators do: keys of anyone, server keys, groups and services, limits, the switch, the ledger. */
export function addAdminCommands(program: Command, context: CommandContext): void {
  const admin = program.command('admin').description('what only administrators may do')
  addAnyKeyCommands(admin, context)
  addServerKeyCommands(admin, context)
  addUserCommands(admin, context)
  addOwnerCommands(admin, context)
  addGroupCommands(admin, context)
  addServiceCommands(admin, context)
  addQuotaCommands(admin, context)
  addProviderCommands(admin, context)
  addAuditCommand(admin, context)
}
