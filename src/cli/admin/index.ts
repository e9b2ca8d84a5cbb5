import type { Command } from 'commander'
import type { CommandContext } from '../context.js'
import { addAnyKeyCommands } from './api-key/index.js'
import { addAuditCommand } from './audit/index.js'
import { addGroupCommands } from './group/index.js'
import { addOwnerCommands } from './owner/index.js'
import { addProviderCommands } from './provider/index.js'
import { addQuotaCommands } from './quota/index.js'
import { addServerKeyCommands } from './server-key/index.js'
import { addServiceCommands } from './service/index.js'
import { addUserCommands } from './user/index.js'

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
