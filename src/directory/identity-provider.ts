import type { FastifyBaseLogger } from 'fastify'
import { createTokenVerifier } from '../auth/bearer.js'
import type { ReportRole } from '../auth/claims.js'
import { createIssuer, type Issuer } from '../auth/issuer.js'
import type { RefusalRate, Verify } from '../auth/types.js'
import type { Config } from '../config/load.js'
import type { Database } from '../store/database.js'
import { type Directory, fixedPeople, followDirectory } from './follow.js'
import { createKeycloakDirectory, deriveAdminUrl } from './keycloak.js'
import { type DirectorySource, noDirectory } from './source.js'

export interface IdentityProviderOptions {
  config: Config
  issuerUrl: string
  /** Secret of this service's own client. */
  clientSecret: string
  db: Database
  /** Counts refused tokens by address. */
  refusals: RefusalRate
  /** Where people are looked up. Default: Keycloak's admin API, or nowhere with the embedded identity provider. */
  source?: DirectorySource
  /** Milliseconds since the epoch. */
  clock: () => number
  /** Aborts a question to the identity provider that takes longer. Default: `AbortSignal.timeout`. */
  timeout?: (ms: number) => AbortSignal
  log: FastifyBaseLogger
}

/** The identity provider: its metadata and keys, its people, and the check of its tokens. */
export interface IdentityProvider {
  issuer: Issuer
  directory: Directory
  /** Verifies an access token for one of the accepted audiences. */
  verifyToken: Verify
  /** Verifies a token of a login: for this service's own client, whichever audiences are accepted elsewhere. */
  verifyOwnToken: Verify
  /** Logs a role that is left out of someone's rights, once for each role. */
  reportRole: ReportRole
}

/** Prepares the connection to the identity provider. Nothing is asked before the first need. */
export function connectIdentityProvider(options: IdentityProviderOptions): IdentityProvider {
  const { config, db, clock, timeout, log } = options
  const { clientId, attributes } = config
  reportChangedParties(config, log)
  const issuer = createIssuer({
    issuer: options.issuerUrl,
    clientId,
    clientSecret: options.clientSecret,
    clock,
    ...(timeout === undefined ? {} : { timeout }),
  })
  const reportRole = createRoleReport(log)
  const source = options.source ?? findDirectory(config, issuer, reportRole)
  const directory =
    source === undefined ? fixedPeople : followDirectory({ ...config.directory, source, db, log, clock })
  return {
    issuer,
    directory,
    reportRole,
    verifyToken: createTokenVerifier({
      ...{ issuer, attributes, reportRole, refusals: options.refusals, clock },
      ...{ audiences: config.audiences, authorizedParties: config.authorizedParties },
      isDisabled: directory.isDisabled,
    }),
    verifyOwnToken: createTokenVerifier({
      ...{ issuer, attributes, reportRole, clock },
      ...{ audiences: [clientId], authorizedParties: [clientId] },
      // The token comes from the identity provider itself, so a refusal is nobody's guess.
      refusals: { retryAfterSeconds: () => 0, count: () => {} },
      maxCached: 1,
    }),
  }
}

/** Says at the start what an update changed for a deployment that is set up as before. */
function reportChangedParties({ changedParties: changed }: Config, log: FastifyBaseLogger): void {
  if (changed === null) return
  log.warn(
    { noLongerAcceptedByAzp: changed.refused, nowAcceptedByAzp: changed.accepted },
    'OIDC_AUDIENCES counts for aud alone now, and for azp no more: set OIDC_AUTHORIZED_PARTIES to the clients whose tokens you accept by azp, or give these clients an audience mapper',
  )
}

const maxRolesReported = 1000

function createRoleReport(log: FastifyBaseLogger): ReportRole {
  const reported = new Set<string>()
  return (role) => {
    if (reported.has(role) || reported.size >= maxRolesReported) return
    reported.add(role)
    log.warn(
      { role },
      'a role is left out of rights, because it would read as a group or as every right: rename it',
    )
  }
}

/** Undefined: the embedded identity provider, whose two people never change. */
function findDirectory(config: Config, issuer: Issuer, reportRole: ReportRole): DirectorySource | undefined {
  if (config.issuer === undefined) return undefined
  if (config.directory.url === 'off') return noDirectory('DIRECTORY_URL is off')
  const adminUrl = config.directory.url ?? deriveAdminUrl(config.issuer)
  if (adminUrl === undefined) {
    return noDirectory(
      'OIDC_ISSUER does not end in /realms/<name>, so DIRECTORY_URL must say where people are',
    )
  }
  const { clientId, attributes } = config
  return createKeycloakDirectory({ issuer, adminUrl, clientId, attributes, reportRole })
}
