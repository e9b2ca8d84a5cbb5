import type { Listing } from '../../client/index.js'
import type { ApiKeyDocument } from '../../schemas/key.js'
import { printJson } from '../json.js'
import { print, type Terminal } from '../terminal.js'
import { type Columns, collect, printTable } from './lists.js'
import type { ListOptions } from './options.js'

/** Keys of anyone, a line each; the newest last, beside the prompt, as one's own. */
export async function printKeys(
  terminal: Terminal,
  listing: Listing<ApiKeyDocument>,
  options: ListOptions,
): Promise<void> {
  const keys = (await collect(listing, options)).reverse()
  if (options.json) return printJson(terminal, keys)
  const { formatTime } = await import('../table.js')
  const columns: Columns<ApiKeyDocument> = [
    { title: 'Id', cell: ({ id }) => id },
    // A server key has nobody behind it but the server user that was made for it, and is called as it is.
    { title: 'Owner', canShrink: true, cell: ({ kind, owner }) => (kind === 'server' ? '-' : owner.login) },
    { title: 'Name', canShrink: true, cell: ({ name }) => name },
    { title: 'Expires at (UTC)', cell: ({ expires_at }) => formatTime(expires_at) },
    { title: 'Latest activity', cell: ({ usage }) => formatTime(usage.last_used_at) },
    { title: 'Status', cell: ({ status }) => status },
  ]
  await printTable(terminal, keys, columns)
}

/** All that is known of a key, and by which subject its owner is found. */
export async function printKey(terminal: Terminal, key: ApiKeyDocument): Promise<void> {
  const [{ listFacts }, { renderFacts }] = await Promise.all([
    import('../api-key/facts.js'),
    import('../table.js'),
  ])
  const { login, subject } = key.owner
  const owner = key.kind === 'server' ? subject : `${login} (${subject})`
  print(terminal, renderFacts({ ...listFacts(key, terminal.clock()), owner }))
}

/** Which key that is, as people recognise it. */
export async function describeKey({
  id,
  name,
  kind,
  owner,
}: Pick<ApiKeyDocument, 'id' | 'name' | 'kind' | 'owner'>): Promise<string> {
  const { flatten } = await import('../table.js')
  const named = `key ${id}, "${flatten(name)}"`
  return kind === 'server' ? `server ${named}` : `${named}, of ${flatten(owner.login)}`
}
