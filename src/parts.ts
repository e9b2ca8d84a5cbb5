import type { FastifyBaseLogger } from 'fastify'
import { createTokenVerifier } from './auth/bearer.js'
import type { AuthOptions } from './auth/index.js'
import { createIssuer } from './auth/issuer.js'
import type { Config } from './config.js'
import { embeddedIssuer } from './dev/index.js'
import { createKeyVerifier } from './keys/verify.js'
import { AddressRate } from './limits/address-rate.js'
import type { Secrets } from './secrets.js'
import type { Database } from './store/database.js'
import { createUsageCounter } from './usage/counter.js'

export interface PartsOptions {
  config: Config
  db: Database
  secrets: Partial<Secrets>
  clock?: () => number
}

export type Parts = ReturnType<typeof createParts>

/** What lives as long as the service and has a memory: verifiers, limits, counters. */
export function createParts({ config, db, secrets, clock = Date.now }: PartsOptions, log: FastifyBaseLogger) {
  const issuer = createIssuer({
    issuer: config.issuer ?? embeddedIssuer(config.publicUrl),
    clientId: config.clientId,
    clientSecret: config.clientSecret ?? secrets.embeddedClientSecret ?? '',
    clock,
  })
  const refusals = new AddressRate({ perMinute: config.refusedRatePerMinute, clock })
  const usage = createUsageCounter({
    db,
    onError: (error) => log.error({ err: error }, 'usage could not be written'),
  })
  const { prefix } = config.keys
  const keys = createKeyVerifier({ db, prefix, usage, refusals, maxStaleMs: config.verdictMaxStaleMs, clock })
  const authOptions: AuthOptions = {
    keyPrefix: prefix,
    verifyKey: keys.verify,
    verifyToken: createTokenVerifier({ issuer, audiences: config.audiences, refusals, clock }),
    clock,
  }
  return {
    issuer,
    usage,
    authOptions,
    forgetKey: keys.forget,
    /** For the tokens of a login: from the identity provider itself, for this client, whatever else is accepted. */
    verifyOwnToken: createTokenVerifier({
      issuer,
      audiences: [config.clientId],
      refusals: new AddressRate({ perMinute: Number.POSITIVE_INFINITY }),
      maxCached: 1,
      clock,
    }),
    /** Logins by address. */
    attempts: new AddressRate({ perMinute: config.loginRatePerMinute, clock }),
    clock,
  }
}
