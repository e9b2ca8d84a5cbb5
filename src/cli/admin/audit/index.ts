import type { Command } from 'commander'
import type { AuditEventDocument } from '../../../schemas/admin.js'
import type { CommandContext } from '../../context.js'
import { parseTime } from '../../durations.js'
import { writeJson } from '../../json.js'
import { omitUndefined } from '../../omit-undefined.js'
import { print } from '../../terminal.js'
import { administrate } from '../administration.js'
import { type Columns, printList, readItems } from '../lists.js'
import { parseCount } from '../options.js'

interface AuditOptions {
  actor?: string
  action?: string
  target?: string
  owner?: string
  from?: string
  to?: string
  limit?: number
  json?: boolean
}

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
    .action((options: AuditOptions) => list(context, options))
}

async function list(context: CommandContext, { json, limit, ...filter }: AuditOptions): Promise<void> {
  const { terminal } = context
  await administrate(context, null, async (admin) => {
    const listing = admin.audit(filter)
    if (!json) return printList(terminal, listing, await describeColumns(), omitUndefined({ limit }))
    // A line as it comes: a ledger may be longer than memory.
    for await (const event of readItems(listing, omitUndefined({ limit })))
      print(terminal, writeJson(event, 0))
  })
}

async function describeColumns(): Promise<Columns<AuditEventDocument>> {
  const { formatTime } = await import('../../table.js')
  return [
    { title: 'At (UTC)', cell: ({ at }) => formatTime(at) },
    { title: 'Action', cell: ({ action }) => action },
    { title: 'Target', canShrink: true, cell: ({ target }) => target || '-' },
    { title: 'Actor', canShrink: true, cell: ({ actor }) => actor.login || actor.subject || '-' },
    { title: 'Via', cell: ({ via }) => via },
    { title: 'Address', cell: ({ address }) => address || '-' },
  ]
}
