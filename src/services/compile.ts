import type { Access, CalledService } from '../auth/types.js'
import { asLimits, asParty } from '../limits/party.js'
import type { ServiceDescriptor } from '../schemas/service.js'
import type { RegistryRow } from '../store/services.js'
import { readDescriptor } from './descriptor.js'
import { countSegments } from './match.js'
import { compilePathRules } from './path-rules.js'
import type { RegisteredService } from './types.js'

/** Decides once for every call of a service what its descriptor says of it. */
export function compileService(row: RegistryRow): RegisteredService {
  const descriptor = readDescriptor({ ...row, groupId: row.group_id })
  const { prefix, public_paths, safe_posts } = descriptor
  const depth = countSegments(prefix)
  const called = nameService(row, depth)
  const { scopes, write_scopes } = descriptor.access
  const readAccess = compileAccess(descriptor, called, scopes)
  return Object.freeze({
    descriptor,
    called,
    declaredBy: row.declared_by,
    depth,
    readAccess,
    writeAccess: compileAccess(descriptor, called, [...new Set([...scopes, ...write_scopes])]),
    publicPaths: compilePathRules(public_paths, depth),
    publicAccess: Object.freeze({ ...readAccess, allowAnonymous: true }),
    safePosts: compilePathRules(safe_posts, depth),
    safePostAccess: Object.freeze({ ...readAccess, readOnlyKeys: 'may-write' as const }),
  })
}

function nameService(row: RegistryRow, depth: number): CalledService {
  const limits = asLimits(row.limit_per_second, row.limit_per_day, row.limit_per_month)
  return Object.freeze({
    id: row.id,
    group: row.group_id,
    groupLimits: asParty(`group:${row.group_id}`, limits),
    depth,
  })
}

const compileAccess = (
  { access, accept }: ServiceDescriptor,
  service: CalledService,
  scopes: readonly string[],
): Access =>
  Object.freeze({
    scopes,
    kinds: access.kinds,
    allowQueryKey: accept.query,
    allowCookie: accept.cookie,
    allowBasic: accept.basic,
    service,
  })
