import type { AuditEventDocument } from '../../../schemas/audit.js'
import type { CommandContext } from '../../context.js'
import { writeJson } from '../../json.js'
import { omitUndefined } from '../../omit-undefined.js'
import { formatTime } from '../../table.js'
import { print } from '../../terminal.js'
import { administrate } from '../administration.js'
import { type Columns, printList, readItems } from '../lists.js'

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

/** Prints the events of the audit log, as a table or as lines of JSON. */
export async function listAuditEvents(
  context: CommandContext,
  { json, limit, ...filter }: AuditOptions,
): Promise<void> {
  const { terminal } = context
  await administrate(context, null, async (admin) => {
    const listing = admin.audit(filter)
    if (!json) return printList(terminal, listing, columns, omitUndefined({ limit }))
    // Prints each line as it arrives, because the audit log may not fit into memory.
    for await (const event of readItems(listing, omitUndefined({ limit })))
      print(terminal, writeJson(event, 0))
  })
}

const columns: Columns<AuditEventDocument> = [
  { title: 'At (UTC)', cell: ({ at }) => formatTime(at) },
  { title: 'Action', cell: ({ action }) => action },
  { title: 'Target', canShrink: true, cell: ({ target }) => target || '-' },
  { title: 'Actor', canShrink: true, cell: ({ actor }) => actor.login || actor.subject || '-' },
  { title: 'Via', cell: ({ via }) => via },
  { title: 'Address', cell: ({ address }) => address || '-' },
]
