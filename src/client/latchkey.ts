import type { Me } from '../schemas/principal.js'
import type { ScopeList } from '../schemas/scope.js'
import { describeAdministration } from './administration.js'
import { type CredentialOptions, chooseCredential } from './credential.js'
import { isBrowser, readVariable } from './environment.js'
import { InvalidOptionError } from './errors.js'
import { describeKeys } from './keys.js'
import { type PlaceOptions, requireOrigins, requireServiceUrl } from './origins.js'
import { type RepeatOptions, sleep } from './repeat.js'
import { createServiceFetch, type ServiceFetch } from './service-fetch.js'
import { type CallOptions, createTransport, type Send } from './transport.js'

export interface LatchkeyOptions extends CredentialOptions, PlaceOptions, Partial<RepeatOptions> {
  /** Where the service is; a path is kept. Default: `LATCHKEY_URL` of the environment. */
  url?: string
  /** Other origins that {@link Latchkey.fetch} may present the credential to, as that of the gateway. Default none. */
  origins?: readonly string[]
  /** How long one try may take, in milliseconds. Default 30,000. */
  timeoutMs?: number
  /** How often a call is sent at most, where sending it again does no harm; 1: once. Default 3. */
  maxTries?: number
  /**
   * How long all waits of one call take together at most, in milliseconds. Where the service asks for more, its refusal is
   * thrown at once. Default 30,000.
   */
  maxRetryWaitMs?: number
  /** What owners see as the last user agent of a key; browsers send their own. Default `latchkey-client`. */
  userAgent?: string
  /** Default: the global one. */
  fetch?: typeof globalThis.fetch
}

/** A client of the key manager; nothing is sent before the first call. */
export class Latchkey {
  /** The caller's own keys. */
  readonly apiKeys: ReturnType<typeof describeKeys>
  /** What only administrators may do. */
  readonly admin: ReturnType<typeof describeAdministration>
  /** Calls a service with the credential of this client. */
  readonly fetch: ServiceFetch
  readonly #send: Send

  /**
   * @throws InvalidOptionError without a URL, with both a key and a token, for a credential that no header can hold, and for plain
   * http to another machine unless `allowInsecure`
   */
  constructor(options: LatchkeyOptions = {}) {
    const given = options.url ?? readVariable('LATCHKEY_URL')
    if (given === undefined)
      throw new InvalidOptionError('Latchkey needs a url, or LATCHKEY_URL in the environment')
    const url = requireServiceUrl(given, options)
    const userAgent = options.userAgent ?? 'latchkey-client'
    const transport = {
      url,
      credential: chooseCredential(options),
      headers: isBrowser() ? {} : { 'user-agent': userAgent },
      fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
      timeoutMs: options.timeoutMs ?? 30_000,
      maxTries: options.maxTries ?? 3,
      maxRetryWaitMs: options.maxRetryWaitMs ?? 30_000,
      clock: options.clock ?? Date.now,
      random: options.random ?? Math.random,
      sleep: options.sleep ?? sleep,
    }
    this.#send = createTransport(transport)
    this.apiKeys = describeKeys(this.#send)
    this.admin = describeAdministration(this.#send)
    this.fetch = createServiceFetch(transport, requireOrigins([url, ...(options.origins ?? [])], options))
  }

  /** Who is calling, by whichever credential. */
  me(call: CallOptions = {}): Promise<Me> {
    return this.#send({ method: 'GET', path: '/me', ...call })
  }

  /** What the caller may give a key, with what it means where somebody told. */
  async scopes(call: CallOptions = {}): Promise<ScopeList['items']> {
    const { items } = await this.#send<ScopeList>({ method: 'GET', path: '/scopes', ...call })
    return items
  }
}
