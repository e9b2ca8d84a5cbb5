import type {
  ApiKeyDocument,
  ApiKeyWithValue,
  CreateKey,
  ListKeys,
  RenewKey,
  RevokeKey,
  RotateKey,
  UpdateKey,
} from '../schemas/key.js'
import type { CreateLink, LinkDocument } from '../schemas/link.js'
import type { KeyVerdict, VerifyKey } from '../schemas/verdict.js'
import { at, type Filter, type Listing, list, type Optional } from './resources.js'
import type { CallOptions, Send } from './transport.js'

/** The caller's own keys. */
export function describeKeys(send: Send) {
  return {
    list: (filter: Filter<ListKeys> = {}, call?: CallOptions): Listing<ApiKeyDocument> =>
      list(send, '/api-keys', filter, call),
    show: (id: string, call?: CallOptions): Promise<ApiKeyDocument> =>
      send({ method: 'GET', path: at`/api-keys/${id}`, ...call }),
    /** Its `value` is in this answer alone. */
    create: (key: Optional<CreateKey, 'name'>, call?: CallOptions): Promise<ApiKeyWithValue> =>
      send({ method: 'POST', path: '/api-keys', body: key, ...call }),
    update: (id: string, change: UpdateKey, call?: CallOptions): Promise<ApiKeyDocument> =>
      send({ method: 'PATCH', path: at`/api-keys/${id}`, body: change, ...call }),
    /** Sent again where an answer is lost: revoking twice is revoking once. */
    revoke: (id: string, options: Partial<RevokeKey> = {}, call?: CallOptions): Promise<ApiKeyDocument> =>
      send({
        method: 'POST',
        path: at`/api-keys/${id}/revoke`,
        body: options,
        repeatable: 'always',
        ...call,
      }),
    renew: (id: string, options: RenewKey = {}, call?: CallOptions): Promise<ApiKeyDocument> =>
      send({ method: 'POST', path: at`/api-keys/${id}/renew`, body: options, ...call }),
    /** The `value` before ends at once, or after `grace_seconds`. */
    rotate: (id: string, options: Partial<RotateKey> = {}, call?: CallOptions): Promise<ApiKeyWithValue> =>
      send({ method: 'POST', path: at`/api-keys/${id}/rotate`, body: options, ...call }),
    /** A URL for tools that only take one: it opens `path`, and what lies below it, with GET and HEAD. */
    createLink: (id: string, link: Optional<CreateLink, 'path'>, call?: CallOptions): Promise<LinkDocument> =>
      send({ method: 'POST', path: at`/api-keys/${id}/links`, body: link, ...call }),
    delete: (id: string, call?: CallOptions): Promise<void> =>
      send({ method: 'DELETE', path: at`/api-keys/${id}`, repeatable: 'until-gone', ...call }),
    /**
     * Whether a value is good, and for what; it needs no credential of its own. Sent again where it is refused, not where
     * an answer is lost: a yes has counted a call of a limited key.
     */
    verify: (question: VerifyKey, call?: CallOptions): Promise<KeyVerdict> =>
      send({ method: 'POST', path: '/api-keys/verify', body: question, repeatable: 'refused', ...call }),
  }
}
