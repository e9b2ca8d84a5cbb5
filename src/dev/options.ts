import type { Config } from '../config/load.js'
import type { AddressRate } from '../limits/address-rate.js'
import type { Secrets } from '../secrets/startup.js'
import type { EmbeddedIdentityProviderOptions } from './index.js'

/**
 * Reads the options of the embedded identity provider from the settings.
 * @param attempts counts attempts to sign in by address
 */
export function embeddedOptions(
  { config, secrets }: { config: Config; secrets: Partial<Secrets> },
  attempts: AddressRate,
): EmbeddedIdentityProviderOptions {
  const { embeddedClientSecret, signingKey } = secrets
  if (embeddedClientSecret === undefined || signingKey === undefined) {
    throw new Error('The embedded identity provider needs its secrets')
  }
  const { publicUrl, swaggerClientId, cliClientId, adminRole } = config
  return {
    ...{ publicUrl, swaggerClientId, cliClientId, adminRole, signingKey },
    serviceClient: { id: config.clientId, secret: embeddedClientSecret },
    signInRate: (request) => {
      const retryAfterSeconds = attempts.retryAfterSeconds(request.ip)
      attempts.count(request.ip)
      return { allowed: retryAfterSeconds === 0, retryAfterSeconds }
    },
  }
}
