import type {
  AuditEventDocument,
  ChangeAnyKey,
  CreateAnyKey,
  CreatedKey,
  KeyQuotas,
  OwnerLimitsDocument,
  Provider,
} from '../schemas/admin.js'
import type { ApiKeyDocument } from '../schemas/key.js'
import type {
  CreateGroup,
  CreateService,
  GroupDocument,
  ServiceDocument,
  UpdateGroup,
  UpdateService,
} from '../schemas/service.js'
import { at, type Listing, list, type Optional } from './resources.js'
import type { Query, Send } from './transport.js'

/** What only administrators may do. */
export function describeAdministration(send: Send) {
  return {
    apiKeys: {
      list: (filter: Query = {}): Listing<ApiKeyDocument> => list(send, '/admin/api-keys', filter),
      show: (id: string) => send<ApiKeyDocument>({ method: 'GET', path: at`/admin/api-keys/${id}` }),
      /** Makes a server key, or takes over one that was made elsewhere. */
      create: (key: Optional<CreateAnyKey, 'name'>) =>
        send<CreatedKey>({ method: 'POST', path: '/admin/api-keys', body: key }),
      update: (id: string, change: ChangeAnyKey) =>
        send<ApiKeyDocument>({ method: 'PATCH', path: at`/admin/api-keys/${id}`, body: change }),
      revoke: (id: string, options: { permanent?: boolean } = {}) =>
        send<ApiKeyDocument>({ method: 'POST', path: at`/admin/api-keys/${id}/revoke`, body: options }),
      delete: (id: string) => send<void>({ method: 'DELETE', path: at`/admin/api-keys/${id}` }),
      quotas: (id: string) => send<KeyQuotas>({ method: 'GET', path: at`/admin/api-keys/${id}/quotas` }),
      resetQuotas: (id: string) => send<void>({ method: 'DELETE', path: at`/admin/api-keys/${id}/quotas` }),
    },
    users: {
      apiKeys: (subject: string, filter: Query = {}): Listing<ApiKeyDocument> =>
        list(send, at`/admin/users/${subject}/api-keys`, filter),
      revokeApiKeys: (subject: string) =>
        send<{ revoked: string[] }>({
          method: 'POST',
          path: at`/admin/users/${subject}/api-keys/revoke`,
          body: {},
        }),
    },
    owners: {
      limits: (subject: string) =>
        send<OwnerLimitsDocument>({ method: 'GET', path: at`/admin/owners/${subject}/limits` }),
      setLimits: (subject: string, limits: Partial<OwnerLimitsDocument>) =>
        send<OwnerLimitsDocument>({ method: 'PUT', path: at`/admin/owners/${subject}/limits`, body: limits }),
    },
    groups: {
      list: (): Listing<GroupDocument> => list(send, '/admin/groups', {}),
      show: (id: string) => send<GroupDocument>({ method: 'GET', path: at`/admin/groups/${id}` }),
      create: (group: Optional<CreateGroup, 'id' | 'name'>) =>
        send<GroupDocument>({ method: 'POST', path: '/admin/groups', body: group }),
      update: (id: string, change: UpdateGroup) =>
        send<GroupDocument>({ method: 'PATCH', path: at`/admin/groups/${id}`, body: change }),
      delete: (id: string) => send<void>({ method: 'DELETE', path: at`/admin/groups/${id}` }),
    },
    services: {
      list: (filter: Query = {}): Listing<ServiceDocument> => list(send, '/admin/services', filter),
      show: (id: string) => send<ServiceDocument>({ method: 'GET', path: at`/admin/services/${id}` }),
      create: (service: Optional<CreateService, 'id' | 'name' | 'group' | 'prefix' | 'target'>) =>
        send<ServiceDocument>({ method: 'POST', path: '/admin/services', body: service }),
      update: (id: string, change: UpdateService) =>
        send<ServiceDocument>({ method: 'PATCH', path: at`/admin/services/${id}`, body: change }),
      delete: (id: string) => send<void>({ method: 'DELETE', path: at`/admin/services/${id}` }),
    },
    provider: {
      show: () => send<Provider>({ method: 'GET', path: '/admin/providers/api-key' }),
      set: (disabled: boolean) =>
        send<Provider>({
          ...{ method: 'PUT', path: '/admin/providers/api-key' },
          body: { name: 'api-key', type: 'api-key', disabled },
        }),
    },
    audit: (filter: Query = {}): Listing<AuditEventDocument> => list(send, '/admin/audit', filter),
  }
}
