import type { Access, CalledService } from '../auth/types.js'
import type { ServiceDescriptor } from '../schemas/service.js'

/** A service with what its descriptor means for the check of a call; compiled once, shared, never changed. */
export interface RegisteredService {
  readonly descriptor: ServiceDescriptor
  readonly called: CalledService
  /** For GET, HEAD and OPTIONS. */
  readonly readAccess: Access
  /** For every other method. */
  readonly writeAccess: Access
}

/** The services behind the gateway, as they are now. */
export interface ServiceRegistry {
  /**
   * The enabled service with the longest prefix of whole segments; `unknown` when the registry cannot tell, since
   * the database has been away for longer than allowed.
   * @param path normalised, without query
   */
  match(path: string): RegisteredService | null | 'unknown'
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
