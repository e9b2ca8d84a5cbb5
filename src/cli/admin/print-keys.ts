import type { Listing } from '../../client/index.js'
import type { ApiKeyDocument } from '../../schemas/key.js'
import { printJson } from '../json.js'
import { formatTime } from '../table.js'
import type { Terminal } from '../terminal.js'
import { type Columns, collect, printTable } from './lists.js'
import type { ListOptions } from './options.js'

/** Prints keys of anyone, a line each, with the newest last, beside the prompt. */
export async function printKeys(
  terminal: Terminal,
  listing: Listing<ApiKeyDocument>,
  options: ListOptions,
): Promise<void> {
  const keys = (await collect(listing, options)).reverse()
  if (options.json) printJson(terminal, keys)
  else printTable(terminal, keys, columns)
}

const columns: Columns<ApiKeyDocument> = [
  { title: 'Id', cell: ({ id }) => id },
  // The owner of a server key is a server user that was made for it, so its name would say nothing new.
  { title: 'Owner', canShrink: true, cell: ({ kind, owner }) => (kind === 'server' ? '-' : owner.login) },
  { title: 'Name', canShrink: true, cell: ({ name }) => name },
  { title: 'Expires at (UTC)', cell: ({ expires_at }) => formatTime(expires_at) },
  { title: 'Latest activity', cell: ({ usage }) => formatTime(usage.last_used_at) },
  { title: 'Status', cell: ({ status }) => status },
]
