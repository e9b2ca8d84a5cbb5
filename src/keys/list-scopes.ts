import type { Actor } from '../audit/actor.js'
import { everyRight } from '../auth/rights.js'
import type { ScopeList } from '../schemas/scope.js'
import { findCallerRights } from './caller.js'
import type { KeyContext } from './context.js'
import { findScopeFaults, inherit, isScope } from './scopes.js'

/** What the caller may give a key now, `inherit` first. @throws Problem invalid_credential, not_found */
export async function listScopes(context: KeyContext, { principal }: Actor): Promise<ScopeList> {
  const { scopeDescriptions } = context
  const rights = await findCallerRights(context, principal)
  // Who has every right can give each that there is, and nobody knows more of them than the operator names.
  const all = rights.includes(everyRight) ? [...rights, ...(scopeDescriptions?.scopes ?? [])] : rights
  const named = all.filter(canBeGiven)
  return {
    items: [inherit, ...new Set(named.sort())].map((scope) => ({
      scope,
      description: scopeDescriptions?.find(scope) ?? null,
    })),
  }
}

/** A right that is called like one of our words cannot: the word means something else. */
const canBeGiven = (right: string) =>
  right !== inherit && isScope(right) && findScopeFaults([right]).length === 0
