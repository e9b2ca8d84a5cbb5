import { everyRight, hasRight } from '../auth/rights.js'
import { createValidator } from '../http/validation.js'
import { inputMembers } from '../schemas/key.js'

/** The scope that means all rights of the owner, as they are at each use. */
export const inherit = 'inherit'

/** Whether a right can be named as a scope: the identity provider's may be longer than what a client may say. */
export const isScope: (right: string) => boolean = createValidator().compile(inputMembers.scope)

/** What is wrong with the scopes that a key shall have. */
export function findScopeFaults(scopes: readonly string[]): { path: string; message: string }[] {
  if (scopes.includes(everyRight)) {
    return [{ path: 'scopes', message: `must name rights: ${everyRight} is none that can be given` }]
  }
  return scopes.includes(inherit) && scopes.length > 1
    ? [{ path: 'scopes', message: `must be ["${inherit}"] alone, or name rights without it` }]
    : []
}

/** The rights that a key may use now: what it was given, as far as its owner still has it. */
export function grantedScopes(scopes: readonly string[], rights: readonly string[]): readonly string[] {
  return scopes.includes(inherit) ? rights : scopes.filter((scope) => hasRight(rights, scope))
}

/** Which of the wanted scopes an owner cannot give, since they do not have them. */
export const missingRights = (scopes: readonly string[], rights: readonly string[]): string[] =>
  scopes.filter((scope) => scope !== inherit && !hasRight(rights, scope))
