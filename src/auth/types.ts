import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { LimitDecision, LimitedParty, Limiter } from '../limits/types.js'

export type Via = 'oauth2' | 'api-key' | 'key-jwt' | 'session'

/** Who a request was authenticated as, whichever credential it used. Shared between requests: never change one. */
export interface Principal {
  readonly subject: string
  readonly login: string
  readonly name: string | null
  readonly email: string | null
  readonly kind: 'user' | 'server'
  readonly via: Via
  /** Rights of the owner: realm roles as `role`, client roles as `client:role`, groups as `group:/path`. */
  readonly roles: readonly string[]
  /** The rights that this credential may use now. */
  readonly scopes: readonly string[]
  readonly attributes: Readonly<Record<string, unknown>>
  /** Free JSON of the key, or of the owner. */
  readonly config: Readonly<Record<string, unknown>>
  /** The key that was used, if one was. */
  readonly keyId?: string
  /** The OAuth2 client that the token was issued to (`azp`). */
  readonly clientId?: string
  /** When the OAuth2 token was issued, in seconds since the epoch. */
  readonly issuedAt?: number
  /** When the key or token ends, in milliseconds since the epoch. Left out: never, or it is not known. */
  readonly expiresAt?: number
}

/** Where a credential was found, in the order of precedence. */
export type PresentedForm =
  | 'client-id'
  | 'prefixed-authorization'
  | 'prefixed-token'
  | 'x-api-key'
  | 'apikey'
  | 'basic'
  | 'bearer'
  | 'cookie'
  | 'query'
  | 'path'
  | 'link'
  | 'session'

/** What a route says in `config.access`: who may call it. `{}` is any good credential. */
export interface Access {
  /** Rights that the credential must all have. */
  readonly scopes?: readonly string[]
  /**
   * Default `anyone`. `login`: no API key (403 login_required). `login-or-itself`: of the keys only the one that
   * the path's parameter `id` names. `admin`: who has the role of `AuthOptions.administration`, by a login, or by a
   * server key that was given it; a person's key never (403 login_required).
   */
  readonly by?: 'anyone' | 'login' | 'login-or-itself' | 'admin'
  /**
   * Whether `?api_key=` is read on this route, and at the gateway `/k/<value>/…`. Default no: a URL ends up in logs.
   */
  readonly allowQueryKey?: boolean
  /** Whether a key-signed JWT in the cookie `access_token` is read. Default no. */
  readonly allowCookie?: boolean
  /** Whether `Authorization: Basic` presents a key. Default yes. */
  readonly allowBasic?: boolean
  /** Kinds of owners whose credentials may be used. Default: all. */
  readonly kinds?: readonly ('user' | 'server')[]
  /** What is called, where it differs from route to route; else it is the service of the whole scope. */
  readonly service?: CalledService
  /** `may-write`: read-only keys may use methods beyond GET, HEAD and OPTIONS here. */
  readonly readOnlyKeys?: 'may-write'
  /** Whether a request without a credential is let in, with the principal null. Default no. */
  readonly allowAnonymous?: boolean
}

/** A registered service that is being called. */
export interface CalledService {
  readonly id: string
  /** The service group that it belongs to. */
  readonly group: string
  /** Null: the group's calls are not limited. */
  readonly groupLimits: LimitedParty | null
  /** At the gateway: how many segments its prefix has. Default 0. */
  readonly depth?: number
}

/** What a key binds its use to, beside its owner's rights. */
export interface KeyBounds {
  readonly readOnly: boolean
  /** Null: no restriction. */
  readonly allowedReferers: readonly string[] | null
  /** Addresses and CIDR ranges, and the test that they compile to. */
  readonly allowedIps: readonly string[] | null
  readonly allowsAddress: ((address: string) => boolean) | null
  /** Milliseconds since the epoch; Infinity: never. */
  readonly expiresAt: number
  /** The service groups and single services that the key may call; null: all. */
  readonly authorized: { readonly groups: readonly string[]; readonly services: readonly string[] } | null
  /** The key and its owner, where their calls are limited; null: neither. */
  readonly limited: readonly LimitedParty[] | null
  /** When this value stops to work, where it is an earlier one within its grace; the key itself goes on. */
  readonly validUntil?: number
  /** Where a link presents the key: it opens this path and what lies below it, by GET and HEAD alone. */
  readonly linkedPath?: string
  /** The other ways in which servers read that path, behind a prefix of so many segments. */
  readonly listLinkedReadings?: (depth: number) => readonly string[]
}

/** Notes that a credential was accepted, for the counters. */
export type RecordUse = (at: number, address: string, userAgent: string | undefined) => void

export type Verdict =
  | {
      readonly kind: 'accepted'
      readonly principal: Principal
      readonly key?: KeyBounds
      /** A method: call it on the verdict. */
      readonly recordUse?: RecordUse
      /**
       * Of an OAuth2 token: its owner, where their calls are limited, and the limits of groups count too. Null: only
       * those do. Left out: the calls of tokens are not counted. Latchkey's own routes never count them.
       */
      readonly limited?: readonly LimitedParty[] | null
      /** Whoever gave the verdict has counted this one call already, and nobody else may. */
      readonly counted?: LimitDecision
      /** It rests on what was known before the store could not be asked any more. */
      readonly isStale?: boolean
      /** Whether a gateway may send the credential on to a service, where its form allows it. Default: yes. */
      readonly isForwardable?: boolean
    }
  | { readonly kind: 'refused' }
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number }
  | { readonly kind: 'unavailable'; readonly cause: unknown }

/** The call that presents a credential, for a verifier that must tell another service of it. */
export interface PresentingCall {
  readonly method: string
  readonly headers: IncomingHttpHeaders
}

/** Answers at once from memory where it can: the promise is for the first time. */
export type Verify = (
  credential: string,
  address: string,
  call?: PresentingCall,
  /** What the route asks for, for a verifier that lets another service count the call. */
  access?: Access,
) => Verdict | Promise<Verdict>

/** Counts refusals by address, so that guessing gets slow. */
export interface RefusalRate {
  /** Seconds until values that are not cached are looked at again; 0 when they are looked at now. */
  retryAfterSeconds(address: string): number
  count(address: string): void
}

/**
 * Whether a person has a right now, whatever their token or session says. `unknown`: what is known of them is too old,
 * and the identity provider cannot be asked.
 */
export type Confirmation = 'held' | 'lacking' | 'disabled' | 'unknown'

/** Who may call the routes of `by: 'admin'`. */
export interface Administration {
  /** A realm role. */
  readonly role: string
  /** Asked for people whose login says that they have the role, which may have been hours ago. */
  confirm(principal: Principal, role: string): Promise<Confirmation>
}

export interface AuthOptions {
  /** What an API key's value begins with, before the underscore. */
  keyPrefix: string
  /** Default `Otoroshi`: headers that begin so present keys too, as `Otoroshi-Client-Id`. */
  headerPrefix?: string
  /** Whether `?api_key=` is read on every route, whatever it says. Default: no. */
  allowQueryKey?: boolean
  /** Whether somebody could have an OAuth2 token: else the document does not offer any. Default: yes. */
  offersTokens?: boolean
  verifyKey: Verify
  verifyToken: Verify
  /** A JWT that a key signed; leave out where they are not accepted. */
  verifyKeyToken?: Verify
  /** A link of a key; leave out where there are none. */
  verifyLink?: Verify
  /** The principal of this service's own session; leave out where sessions are not accepted. */
  readSession?: (request: FastifyRequest) => Principal | null
  /** This service's origin: state changes through a session must come from there. */
  publicOrigin?: string
  /** Whether the routes are Latchkey's own, which a key need not be authorised on. Default: no. */
  isOwn?: boolean
  /**
   * The service that the routes are, as it is registered now; null or left out: none that a key could be authorised
   * on, so that only keys without such a restriction get in.
   */
  findService?: () => CalledService | null
  /** Needed where keys may be limited: without it they are refused as unavailable. */
  limiter?: Limiter
  /** Needed by routes that only administrators may call. */
  administration?: Administration
  /** Milliseconds since the epoch. Default: the system's clock. */
  clock?: () => number
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
  }
  interface FastifyRequest {
    /** Who is calling; only on routes behind the hook. */
    principal: Principal
    /** How they said so; only on routes behind the hook. */
    presented: PresentedForm
    /** Whether a gateway may send the credential on, where its form allows it; only on routes behind the hook. */
    isForwardable: boolean
    /** At the gateway: the other ways in which servers read the path. */
    readings?: readonly string[]
    /** At the gateway: what `/k/<credential>/…` presents, which has been taken out of the URL. */
    credentialInPath?: string | null
  }
}
