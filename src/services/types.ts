import type { buildConnector } from 'undici'
import type { Access, CalledService } from '../auth/types.js'
import type { DeclaredBy, ServiceDescriptor } from '../schemas/service.js'
import type { PathRules } from './path-rules.js'

/** A service with what its descriptor means for the check of a call; compiled once, shared, never changed. */
export interface RegisteredService {
  readonly descriptor: ServiceDescriptor
  readonly called: CalledService
  /** What made it, on which the addresses depend that it may have. */
  readonly declaredBy: DeclaredBy
  /** How many segments its prefix has. */
  readonly depth: number
  /** For GET, HEAD and OPTIONS. */
  readonly readAccess: Access
  /** For every other method. */
  readonly writeAccess: Access
  /** Which GET and HEAD need no credential, and what holds for them. */
  readonly publicPaths: PathRules
  readonly publicAccess: Access
  /** Which POST only reads, and what holds for it. */
  readonly safePosts: PathRules
  readonly safePostAccess: Access
}

/** The services behind the gateway, as they are now. */
export interface ServiceRegistry {
  /**
   * The service with the longest prefix of whole segments; null where this one is disabled; `unknown` when the registry
   * cannot tell, since the database has been away for longer than allowed.
   * @param path normalised, without query
   */
  match(path: string): RegisteredService | null | 'unknown'
  /**
   * Whether a path belongs to another service, or to none, by one of its other readings. A disabled service counts as
   * another. True when the registry cannot tell.
   * @param readings as `listReadings` of the gateway gives them
   */
  isAmbiguous(path: string, readings: readonly string[]): boolean
  /** How many segments of a path can decide which service or which rule of one it meets, and one more. */
  decisiveDepth(): number
  /** The enabled service of that id; `unknown` as for `match`. */
  find(id: string): RegisteredService | null | 'unknown'
  /** The enabled services, by prefix. */
  list(): readonly RegisteredService[]
  /** Loads what is registered, and follows its changes from then on. @throws StoreUnavailable */
  start(): Promise<void>
  /**
   * Reads anew; what was stored before the call holds from its return on. Until it succeeds, what is known is taken
   * for outdated.
   * @throws StoreUnavailable
   */
  refresh(): Promise<void>
  close(): Promise<void>
}

/** Which addresses this service may connect to, for services and their documents. */
export interface TargetPolicy {
  /**
   * Looks the host of a URL up.
   * @returns what is wrong with it, to be read after the name of a member; null: nothing, or the name is not known yet
   */
  findFault(url: URL, declaredBy: DeclaredBy): Promise<string | null>
  /** Connects to allowed addresses alone: every connection looks its host up, and fails with TARGET_NOT_ALLOWED. */
  connector(declaredBy: DeclaredBy, timeoutMs: number): buildConnector.connector
}
