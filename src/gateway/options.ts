import type { FastifyBaseLogger } from 'fastify'
import type { AuthOptions, Verify } from '../auth/types.js'
import type { Config } from '../config/load.js'
import { cookieNames } from '../login/cookies.js'
import type { ServiceRegistry, TargetPolicy } from '../services/types.js'
import type { DescribeCaller } from './forward.js'
import type { GatewayOptions } from './index.js'

/** The parts of the service that the gateway shares: the same check, with the same caches. */
interface SharedWithService {
  authOptions: AuthOptions
  verifyLink: Verify
  services: ServiceRegistry
  targets: TargetPolicy
  assertions: { headersFor: DescribeCaller }
  stalled: GatewayOptions['stalled']
  readiness: { findFault: GatewayOptions['findFault'] }
  singleUser: { takesHost: NonNullable<GatewayOptions['takesHost']> } | null
}

/** Reads the options of the gateway from the settings. @param logger the service's own, since both are one process */
export function readGatewayOptions(
  config: Config,
  shared: SharedWithService,
  logger: FastifyBaseLogger,
): GatewayOptions {
  const publicUrl = config.gateway?.publicUrl ?? ''
  const { session, pendingLogins } = cookieNames(config.publicUrl)
  return {
    // Pages of the gateway may use the cookie of a service. Pages of this site may not.
    authOptions: {
      ...shared.authOptions,
      verifyLink: shared.verifyLink,
      publicOrigin: new URL(publicUrl).origin,
    },
    registry: shared.services,
    targets: shared.targets,
    findFault: shared.readiness.findFault,
    ...(shared.singleUser === null ? {} : { takesHost: shared.singleUser.takesHost }),
    describeCaller: shared.assertions.headersFor,
    publicUrl,
    docsOrigin: new URL(config.publicUrl).origin,
    identityHeaderPrefix: config.identityHeaderPrefix,
    headerPrefix: config.headerPrefix,
    ownCookies: [session, pendingLogins],
    trustProxy: config.trustProxy,
    stalled: shared.stalled,
    logger,
  }
}
