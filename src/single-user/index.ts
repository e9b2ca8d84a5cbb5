import { randomBytes } from 'node:crypto'
import type { Config } from '../config/load.js'
import type { HttpOptions } from '../http/options.js'
import type { Random } from '../keys/value.js'
import { createHostCheck } from './hosts.js'
import { createSingleUserKey, type SingleUserKey } from './key.js'
import { leadToStart } from './routes.js'

export interface SingleUserMode {
  key: SingleUserKey
  /** Opens the documentation as the single user, by the key in it. */
  openingUrl: string
  /** Whether a request that names this `Host` was meant for here. */
  takesHost: (host: string | undefined) => boolean
  /** How the HTTP server differs in this mode. */
  http: Pick<HttpOptions, 'rewriteUrl' | 'secrets'>
}

/** What single-user mode has that no other has; null: people log in. */
export function createSingleUserMode(config: Config, random: Random = randomBytes): SingleUserMode | null {
  const { singleUser, publicUrl, gateway } = config
  if (singleUser === null) return null
  const key = createSingleUserKey({ given: singleUser.apiKey, prefix: config.keys.prefix, random })
  const publicUrls = gateway === null ? [publicUrl] : [publicUrl, gateway.publicUrl]
  return {
    key,
    openingUrl: `${publicUrl}/?api_key=${key.value}`,
    // Elsewhere the names are the operator's to know.
    http: { rewriteUrl: leadToStart, secrets: [key.value] },
    takesHost: singleUser.mayBeRemote ? () => true : createHostCheck(publicUrls),
  }
}
