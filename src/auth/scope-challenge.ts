import { toUSVString } from 'node:util'

/** Clients and proxies refuse an answer whose headers are longer than a few KiB. */
const maxScopeLength = 2000

/**
 * The challenge for a credential that lacks rights (RFC 6750 §3.1), naming all that are asked for; without them where
 * they are too many for a header.
 */
export function challengeForRights(rights: readonly string[]): { 'www-authenticate': string } {
  const scope = rights.map(asScopeToken).join(' ')
  const named = scope.length > maxScopeLength ? '' : `, scope="${scope}"`
  return { 'www-authenticate': `Bearer error="insufficient_scope"${named}` }
}

/**
 * Percent-encodes what RFC 6749 §3.3 does not allow in a scope, since role names may hold spaces and any script;
 * and the percent sign, so that it can be read back.
 */
const asScopeToken = (right: string) => toUSVString(right).replace(/[^!#$&-[\]-~]/gu, encodeURIComponent)
