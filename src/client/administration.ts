import type {
  ChangeAnyKey,
  CreateAnyKey,
  CreatedKey,
  KeyQuotas,
  ListAllKeys,
  ManyRevokedKeys,
  OwnerLimitsDocument,
  Provider,
} from '../schemas/admin.js'
import type { AuditEventDocument, ListAudit } from '../schemas/audit.js'
import type {
  ApiKeyDocument,
  ApiKeyWithValue,
  ListKeys,
  RenewKey,
  RevokeKey,
  RotateKey,
} from '../schemas/key.js'
import type {
  CreateGroup,
  CreateService,
  GroupDocument,
  ListServices,
  ServiceDocument,
  UpdateGroup,
  UpdateService,
} from '../schemas/service.js'
import { at, type Filter, type Listing, list, type Optional } from './resources.js'
import type { CallOptions, Send } from './transport.js'

/** What only administrators may do. */
export function describeAdministration(send: Send) {
  return {
    apiKeys: describeAnyKeys(send),
    users: {
      apiKeys: (
        subject: string,
        filter: Filter<ListKeys> = {},
        call?: CallOptions,
      ): Listing<ApiKeyDocument> => list(send, at`/admin/users/${subject}/api-keys`, filter, call),
      /** Not sent again where an answer is lost: the second would tell that there was nothing to revoke. */
      revokeApiKeys: (subject: string, call?: CallOptions): Promise<{ revoked: string[] }> =>
        send({
          method: 'POST',
          path: at`/admin/users/${subject}/api-keys/revoke`,
          body: {},
          repeatable: 'refused',
          ...call,
        }),
    },
    owners: {
      limits: (subject: string, call?: CallOptions): Promise<OwnerLimitsDocument> =>
        send({ method: 'GET', path: at`/admin/owners/${subject}/limits`, ...call }),
      /** All of them: what is left out is unlimited. */
      setLimits: (
        subject: string,
        limits: Partial<OwnerLimitsDocument>,
        call?: CallOptions,
      ): Promise<OwnerLimitsDocument> =>
        send({ method: 'PUT', path: at`/admin/owners/${subject}/limits`, body: limits, ...call }),
    },
    groups: {
      list: (call?: CallOptions): Listing<GroupDocument> => list(send, '/admin/groups', {}, call),
      show: (id: string, call?: CallOptions): Promise<GroupDocument> =>
        send({ method: 'GET', path: at`/admin/groups/${id}`, ...call }),
      create: (group: Optional<CreateGroup, 'id' | 'name'>, call?: CallOptions): Promise<GroupDocument> =>
        send({ method: 'POST', path: '/admin/groups', body: group, ...call }),
      update: (id: string, change: UpdateGroup, call?: CallOptions): Promise<GroupDocument> =>
        send({ method: 'PATCH', path: at`/admin/groups/${id}`, body: change, ...call }),
      delete: (id: string, call?: CallOptions): Promise<void> =>
        send({ method: 'DELETE', path: at`/admin/groups/${id}`, repeatable: 'until-gone', ...call }),
    },
    services: {
      list: (filter: Filter<ListServices> = {}, call?: CallOptions): Listing<ServiceDocument> =>
        list(send, '/admin/services', filter, call),
      show: (id: string, call?: CallOptions): Promise<ServiceDocument> =>
        send({ method: 'GET', path: at`/admin/services/${id}`, ...call }),
      create: (
        service: Optional<CreateService, 'id' | 'name' | 'group' | 'prefix' | 'target'>,
        call?: CallOptions,
      ): Promise<ServiceDocument> =>
        send({ method: 'POST', path: '/admin/services', body: service, ...call }),
      update: (id: string, change: UpdateService, call?: CallOptions): Promise<ServiceDocument> =>
        send({ method: 'PATCH', path: at`/admin/services/${id}`, body: change, ...call }),
      delete: (id: string, call?: CallOptions): Promise<void> =>
        send({ method: 'DELETE', path: at`/admin/services/${id}`, repeatable: 'until-gone', ...call }),
    },
    provider: {
      show: (call?: CallOptions): Promise<Provider> =>
        send({ method: 'GET', path: '/admin/providers/api-key', ...call }),
      set: (disabled: boolean, call?: CallOptions): Promise<Provider> =>
        send({
          method: 'PUT',
          path: '/admin/providers/api-key',
          body: { name: 'api-key', type: 'api-key', disabled },
          ...call,
        }),
    },
    /** The ledger, newest first. */
    audit: (filter: Filter<ListAudit> = {}, call?: CallOptions): Listing<AuditEventDocument> =>
      list(send, '/admin/audit', filter, call),
  }
}

/** Keys of anyone. */
function describeAnyKeys(send: Send) {
  return {
    list: (filter: Filter<ListAllKeys> = {}, call?: CallOptions): Listing<ApiKeyDocument> =>
      list(send, '/admin/api-keys', filter, call),
    show: (id: string, call?: CallOptions): Promise<ApiKeyDocument> =>
      send({ method: 'GET', path: at`/admin/api-keys/${id}`, ...call }),
    /** Makes a server key, or takes over one that was made elsewhere. */
    create: (key: Optional<CreateAnyKey, 'name'>, call?: CallOptions): Promise<CreatedKey> =>
      send({ method: 'POST', path: '/admin/api-keys', body: key, ...call }),
    update: (id: string, change: ChangeAnyKey, call?: CallOptions): Promise<ApiKeyDocument> =>
      send({ method: 'PATCH', path: at`/admin/api-keys/${id}`, body: change, ...call }),
    /** Sent again where an answer is lost, as that of one's own keys. */
    revoke: (id: string, options: Partial<RevokeKey> = {}, call?: CallOptions): Promise<ApiKeyDocument> =>
      send({
        method: 'POST',
        path: at`/admin/api-keys/${id}/revoke`,
        body: options,
        repeatable: 'always',
        ...call,
      }),
    /**
     * Revokes at most 200 keys, all or none. `revoked` are those that this changed. Sent again where an answer is lost:
     * then `revoked` may be empty, and `items` has the keys all the same.
     */
    revokeMany: (ids: readonly string[], call?: CallOptions): Promise<ManyRevokedKeys> =>
      send({ method: 'POST', path: '/admin/api-keys/revoke', body: { ids }, repeatable: 'always', ...call }),
    /** Also a key that an administrator revoked. */
    renew: (id: string, options: RenewKey = {}, call?: CallOptions): Promise<ApiKeyDocument> =>
      send({ method: 'POST', path: at`/admin/api-keys/${id}/renew`, body: options, ...call }),
    /** Of a server key. The `value` before ends at once, or after `grace_seconds`. */
    rotate: (id: string, options: Partial<RotateKey> = {}, call?: CallOptions): Promise<ApiKeyWithValue> =>
      send({ method: 'POST', path: at`/admin/api-keys/${id}/rotate`, body: options, ...call }),
    delete: (id: string, call?: CallOptions): Promise<void> =>
      send({ method: 'DELETE', path: at`/admin/api-keys/${id}`, repeatable: 'until-gone', ...call }),
    quotas: (id: string, call?: CallOptions): Promise<KeyQuotas> =>
      send({ method: 'GET', path: at`/admin/api-keys/${id}/quotas`, ...call }),
    resetQuotas: (id: string, call?: CallOptions): Promise<void> =>
      send({ method: 'DELETE', path: at`/admin/api-keys/${id}/quotas`, ...call }),
  }
}
