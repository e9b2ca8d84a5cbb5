import type { ApiKeyDocument } from '../../schemas/key.js'
import { flatten } from '../table.js'

/** Names a key by its id, its name and its owner. */
export function describeKey({
  id,
  name,
  kind,
  owner,
}: Pick<ApiKeyDocument, 'id' | 'name' | 'kind' | 'owner'>): string {
  const named = `key ${id}, "${flatten(name)}"`
  return kind === 'server' ? `server ${named}` : `${named}, of ${flatten(owner.login)}`
}
