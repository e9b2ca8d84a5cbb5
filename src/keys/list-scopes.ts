import type { Origin } from '../management.js'
import type { ScopeList } from '../schemas/scope.js'
import { findCallerRights } from './caller.js'
import type { KeyContext } from './context.js'
import { inherit, isScope } from './scopes.js'

/** What the caller may give a key now, `inherit` first. @throws Problem invalid_credential, not_found */
export async function listScopes(context: KeyContext, { principal }: Origin): Promise<ScopeList> {
  const { scopeDescriptions } = context
  const rights = await findCallerRights(context, principal)
  // A right that is called so cannot be given alone: the word means all of them.
  const named = rights.filter((right) => right !== inherit && isScope(right))
  return {
    items: [inherit, ...named.sort()].map((scope) => ({
      scope,
      description: scopeDescriptions?.find(scope) ?? null,
    })),
  }
}
