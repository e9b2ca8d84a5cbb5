import { Pool } from 'undici'
import type { RegisteredService, TargetPolicy } from '../services/types.js'
import { trimSlashes } from '../urls.js'
import { createTargetClient } from './target-client.js'

/** How a service is reached; worked out once for each version of its descriptor. */
export interface Target {
  /** Scheme, host and port. */
  readonly origin: string
  /** What made the service, on which the addresses depend that it may have. */
  readonly declaredBy: RegisteredService['declaredBy']
  /** What stands before every path, without a slash at its end; empty where nothing does. */
  readonly basePath: string
  /** The part of the path that the service does not see; empty where it sees all. */
  readonly hiddenPrefix: string
}

const compiled = new WeakMap<RegisteredService, Target>()

export function findTarget(service: RegisteredService): Target {
  let target = compiled.get(service)
  if (target === undefined) {
    const { target: url, strip_prefix: strips, prefix } = service.descriptor
    const { origin, pathname } = new URL(url)
    target = {
      origin,
      declaredBy: service.declaredBy,
      basePath: trimSlashes(pathname),
      hiddenPrefix: strips && prefix !== '/' ? prefix : '',
    }
    compiled.set(service, target)
  }
  return target
}

/** @param url a normalised path below the prefix of the service, and its query */
export function buildPath({ basePath, hiddenPrefix }: Target, url: string): string {
  const whole = basePath + url.slice(hiddenPrefix.length)
  return whole.startsWith('/') ? whole : `/${whole}`
}

const connectTimeoutMs = 10_000

/** Names the pool of a target: connections are shared where the same addresses are allowed. */
export const poolOf = ({ declaredBy, origin }: Target): string => `${declaredBy} ${origin}`

/** Connections that are kept open, a pool for each target: one that is slow or dead is no other's trouble. */
export class TargetPools {
  readonly #pools = new Map<string, Pool>()

  constructor(private readonly policy: TargetPolicy) {}

  get(target: Target): Pool {
    const name = poolOf(target)
    let pool = this.#pools.get(name)
    if (pool === undefined) {
      pool = new Pool(target.origin, {
        // As many as there are requests: one that waits for a slow one would share its fate.
        connections: null,
        pipelining: 1,
        // Less than the 5 s of Node, so that the target rarely closes one that is just being used.
        keepAliveTimeout: 4000,
        // Each call says its own; an answer under way may be silent for as long as it wants.
        bodyTimeout: 0,
        connect: this.policy.connector(target.declaredBy, connectTimeoutMs),
        factory: createTargetClient,
      })
      this.#pools.set(name, pool)
    }
    return pool
  }

  /** Closes all other pools, once their requests under way have ended. @param names as `poolOf` gives them */
  keepOnly(names: ReadonlySet<string>): void {
    for (const [name, pool] of this.#pools) {
      if (names.has(name)) continue
      this.#pools.delete(name)
      void pool.close()
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()))
  }
}
