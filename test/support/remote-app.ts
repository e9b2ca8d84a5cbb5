import type { FastifyInstance } from 'fastify'
import { createRemoteAuth, type RemoteAuthOptions } from '../../src/auth/index.js'
import { embeddedIssuer } from '../../src/dev/index.js'
import { guardedApp, type Probe } from './guarded-app.js'
import type { TestService } from './service.js'

/** A service of its own that asks another one about keys, with the clock of that. */
export function remoteApp(
  service: TestService,
  url: string,
  probes: Probe[] = [{ access: {} }],
  options: Partial<RemoteAuthOptions> = {},
): Promise<FastifyInstance> {
  const { clock, config } = service
  const auth = createRemoteAuth({
    url,
    issuer: embeddedIssuer(config.publicUrl),
    audiences: config.audiences,
    refusedPerMinute: Number.POSITIVE_INFINITY,
    clock: clock.now,
    monotonicClock: clock.now,
    ...options,
  })
  return guardedApp(service, probes, auth)
}
