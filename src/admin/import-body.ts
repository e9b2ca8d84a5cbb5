import type { Import } from '../keys/import.js'
import type { KeyOrder } from '../keys/issue.js'
import { inherit } from '../keys/scopes.js'
import { requireServerScopes } from '../keys/server-user.js'
import type { InvalidMember } from '../problems/input-faults.js'
import { Problem } from '../problems/problem.js'
import type { CreateAnyKey } from '../schemas/admin.js'

/**
 * What of a body makes it an import; null: nothing, so that the key is made here.
 * @throws Problem validation_failed for members that only make sense together
 */
function readImport(body: CreateAnyKey): Import | null {
  const { id, secret, secret_encoding: secretEncoding, value_sha256: valueSha256, owner, jwt } = body
  const errors: InvalidMember[] = []
  const demand = (holds: boolean, path: string, message: string) => {
    if (!holds) errors.push({ path, message })
  }
  const isImport = secret !== undefined || valueSha256 !== undefined
  demand(secret === undefined || valueSha256 === undefined, 'value_sha256', 'contradicts secret')
  demand(secret === undefined || id !== undefined, 'id', 'is required with secret')
  demand(secret !== undefined || secretEncoding === undefined, 'secret_encoding', 'needs secret')
  demand(
    isImport || id === undefined,
    'id',
    'needs secret or value_sha256: what is made here gets its id here',
  )
  // Whoever makes a key sees its value, and a person's is nobody else's to see.
  demand(
    isImport || owner === undefined,
    'owner',
    'needs secret or value_sha256: people make their keys themselves',
  )
  demand(valueSha256 === undefined || !jwt, 'jwt', 'needs secret: nothing can be signed with a hash')
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
  if (valueSha256 !== undefined) return { kind: 'hash', valueSha256, ...(id === undefined ? {} : { id }) }
  if (secret === undefined || id === undefined) return null
  return { kind: 'pair', id, jwt, secret, secretEncoding: secretEncoding ?? 'utf8' }
}

/**
 * Reads an order for a server's key, or for a key that was made elsewhere.
 * @throws Problem validation_failed for members that only make sense together
 */
export function readOrder(body: CreateAnyKey): KeyOrder {
  const { owner, scopes = owner === undefined ? [] : [inherit], groups, services, limits } = body
  if (owner === undefined) requireServerScopes(scopes)
  return {
    wanted: { ...body, scopes },
    owner: owner === undefined ? { kind: 'server' } : { kind: 'person', subject: owner },
    foreign: readImport(body),
    ...{ groups, services, limits },
  }
}
