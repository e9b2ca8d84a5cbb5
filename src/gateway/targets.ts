import { Pool } from 'undici'
import type { RegisteredService } from '../services/types.js'
import { trimSlashes } from '../urls.js'
import { createTargetClient } from './target-client.js'

/** How a service is reached; worked out once for each version of its descriptor. */
export interface Target {
  /** Scheme, host and port. */
  readonly origin: string
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

/** Connections that are kept open, a pool for each target: one that is slow or dead is no other's trouble. */
export class TargetPools {
  readonly #pools = new Map<string, Pool>()

  get(origin: string): Pool {
    let pool = this.#pools.get(origin)
    if (pool === undefined) {
      pool = new Pool(origin, {
        // As many as there are requests: one that waits for a slow one would share its fate.
        connections: null,
        pipelining: 1,
        // Less than the 5 s of Node, so that the target rarely closes one that is just being used.
        keepAliveTimeout: 4000,
        // Each call says its own; an answer under way may be silent for as long as it wants.
        bodyTimeout: 0,
        connect: { timeout: connectTimeoutMs },
        factory: createTargetClient,
      })
      this.#pools.set(origin, pool)
    }
    return pool
  }

  /** Closes the pools of all other origins, once their requests under way have ended. */
  keepOnly(origins: ReadonlySet<string>): void {
    for (const [origin, pool] of this.#pools) {
      if (origins.has(origin)) continue
      this.#pools.delete(origin)
      void pool.close()
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()))
  }
}
