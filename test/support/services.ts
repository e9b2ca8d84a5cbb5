import type { Access, LimitedParty } from '../../src/auth/types.js'
import type { ServiceDescriptor } from '../../src/schemas/service.js'
import type { RegisteredService, ServiceRegistry } from '../../src/services/registry.js'

export type WantedService = Pick<ServiceDescriptor, 'id' | 'target'> &
  Partial<ServiceDescriptor> & { groupLimits?: LimitedParty }

/** A registry whose services a test sets, as the administration would. */
export interface TestRegistry extends ServiceRegistry {
  set(...services: WantedService[]): void
  /** What it tells while the database is away for too long. */
  isUnknown: boolean
}

/** A service at `/<id>` in the group `test`, with the defaults of the contract. */
export function aService({ groupLimits, ...wanted }: WantedService): RegisteredService {
  const descriptor: ServiceDescriptor = {
    name: wanted.id,
    group: 'test',
    prefix: `/${wanted.id}`,
    strip_prefix: true,
    enabled: true,
    access: { scopes: [], write_scopes: [], kinds: ['user', 'server'] },
    accept: { query: false, cookie: true, basic: true },
    forward_authorization: 'tokens',
    preflight: 'forward',
    timeout_ms: 30_000,
    max_body_bytes: null,
    openapi_url: null,
    ...wanted,
  }
  const { access, accept } = descriptor
  const called = { id: descriptor.id, group: descriptor.group, groupLimits: groupLimits ?? null }
  const readAccess: Access = {
    scopes: access.scopes,
    kinds: access.kinds,
    allowQueryKey: accept.query,
    allowCookie: accept.cookie,
    allowBasic: accept.basic,
    service: called,
  }
  const writeAccess = { ...readAccess, scopes: [...access.scopes, ...access.write_scopes] }
  return { descriptor, called, readAccess, writeAccess }
}

export function createTestRegistry(...first: WantedService[]): TestRegistry {
  let services: RegisteredService[] = []
  const registry: TestRegistry = {
    isUnknown: false,
    set: (...wanted) => {
      services = wanted
        .map(aService)
        .filter(({ descriptor }) => descriptor.enabled)
        .sort((a, b) => b.descriptor.prefix.length - a.descriptor.prefix.length)
    },
    match: (path) =>
      registry.isUnknown
        ? 'unknown'
        : (services.find(({ descriptor }) => isBelow(path, descriptor.prefix)) ?? null),
    find: (id) =>
      registry.isUnknown ? 'unknown' : (services.find(({ descriptor }) => descriptor.id === id) ?? null),
    list: () => services,
    start: async () => {},
    refresh: async () => {},
    close: async () => {},
  }
  registry.set(...first)
  return registry
}

const isBelow = (path: string, prefix: string) =>
  prefix === '/' || path === prefix || path.startsWith(`${prefix}/`)
