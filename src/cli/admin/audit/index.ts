import type { Command } from 'commander'
import type { CommandContext } from '../../context.js'
import { parseTime } from '../../durations.js'
import { parseCount } from '../options.js'

/** `latchkey admin audit`: who did what. */
export function addAuditCommand(admin: Command, context: CommandContext): void {
  admin
    .command('audit')
    .description('what changed keys, services and groups, and refused logins, the newest first')
    .option('--actor <who>', 'subject or login of who did it')
    .option('--action <action>', 'what was done, as key.revoked')
    .option('--target <id>', 'what it was done to')
    .option('--owner <subject>', 'whose key it was done to')
    .option('--from <time>', 'of then and later: 2026-12-31 or 2026-12-31T23:59:59, in UTC', parseTime)
    .option('--to <time>', 'of before then', parseTime)
    .option('--limit <lines>', 'the newest so many (default: all)', parseCount)
    .option('--json', 'a line of JSON for each on stdout')
    .action(async (options) => (await import('./list.js')).listAuditEvents(context, options))
}
