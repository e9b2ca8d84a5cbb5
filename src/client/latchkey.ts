import type { ApiKeyDocument, ApiKeyWithValue, CreateKey, UpdateKey } from '../schemas/key.js'
import type { Me } from '../schemas/principal.js'
import type { KeyVerdict, VerifyKey } from '../schemas/verdict.js'
import { describeAdministration } from './administration.js'
import { readVariable } from './environment.js'
import { at, type Listing, list, type Optional } from './resources.js'
import { type Credential, createTransport, type Query, type Send } from './transport.js'

export interface LatchkeyOptions {
  /** Where the service is. Default: `LATCHKEY_URL` of the environment. */
  url?: string
  /** Default: `LATCHKEY_API_KEY` of the environment, unless there is a token. Null: none. */
  apiKey?: string | null
  /** An OAuth2 access token, or what gives one before each call. */
  token?: string | (() => string | Promise<string>)
  /** Default: the global one. */
  fetch?: typeof globalThis.fetch
  /** How long one call may take. Default 30,000. */
  timeoutMs?: number
}

/** A client of the key manager; nothing is sent before the first call. */
export class Latchkey {
  /** What only administrators may do. */
  readonly admin: ReturnType<typeof describeAdministration>
  readonly apiKeys: ReturnType<typeof describeKeys>
  readonly #send: Send

  /** @throws TypeError without a URL, or with both a key and a token */
  constructor(options: LatchkeyOptions = {}) {
    const url = options.url ?? readVariable('LATCHKEY_URL')
    if (url === undefined) throw new TypeError('Latchkey needs a url, or LATCHKEY_URL in the environment')
    this.#send = createTransport({
      url: url.replace(/\/+$/, ''),
      credential: findCredential(options),
      fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
      timeoutMs: options.timeoutMs ?? 30_000,
    })
    this.apiKeys = describeKeys(this.#send)
    this.admin = describeAdministration(this.#send)
  }

  /** Who is calling, by whichever credential. */
  me(): Promise<Me> {
    return this.#send({ method: 'GET', path: '/me' })
  }
}

function findCredential({ apiKey, token }: LatchkeyOptions): Credential {
  if (typeof apiKey === 'string' && token !== undefined) {
    throw new TypeError('Latchkey takes an apiKey or a token, not both')
  }
  if (token !== undefined) return { token }
  const key = apiKey === undefined ? readVariable('LATCHKEY_API_KEY') : apiKey
  return key === undefined || key === null ? null : { apiKey: key }
}

/** The caller's own keys. */
function describeKeys(send: Send) {
  return {
    list: (filter: Query = {}): Listing<ApiKeyDocument> => list(send, '/api-keys', filter),
    show: (id: string) => send<ApiKeyDocument>({ method: 'GET', path: at`/api-keys/${id}` }),
    /** Its `value` is in this answer alone. */
    create: (key: Optional<CreateKey, 'name'>) =>
      send<ApiKeyWithValue>({ method: 'POST', path: '/api-keys', body: key }),
    update: (id: string, change: UpdateKey) =>
      send<ApiKeyDocument>({ method: 'PATCH', path: at`/api-keys/${id}`, body: change }),
    revoke: (id: string, options: { permanent?: boolean } = {}) =>
      send<ApiKeyDocument>({ method: 'POST', path: at`/api-keys/${id}/revoke`, body: options }),
    renew: (id: string, options: { expires_at?: string } = {}) =>
      send<ApiKeyDocument>({ method: 'POST', path: at`/api-keys/${id}/renew`, body: options }),
    rotate: (id: string, options: { grace_seconds?: number } = {}) =>
      send<ApiKeyWithValue>({ method: 'POST', path: at`/api-keys/${id}/rotate`, body: options }),
    delete: (id: string) => send<void>({ method: 'DELETE', path: at`/api-keys/${id}` }),
    /** Whether a value is good, and for what; it needs no credential of its own. */
    verify: (question: VerifyKey) =>
      send<KeyVerdict>({ method: 'POST', path: '/api-keys/verify', body: question }),
  }
}
