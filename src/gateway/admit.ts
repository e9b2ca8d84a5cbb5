import type { FastifyReply, FastifyRequest } from 'fastify'
import { dropIfGone } from '../auth/dropped-connection.js'
import { createGuard } from '../auth/guard.js'
import { removeQueryKey } from '../auth/index.js'
import type { AuthOptions } from '../auth/types.js'
import { sendProblem } from '../problems/render.js'
import type { RegisteredService, ServiceRegistry } from '../services/types.js'
import { namesOneHost, oneHostRule } from '../urls.js'
import { chooseAccess } from './choose-access.js'
import { presentsCredential, readTarget } from './path.js'
import { answerPreflight, isPreflight, refusePreflight } from './preflight.js'
import { listReadings } from './readings.js'

export interface AdmissionOptions {
  registry: Pick<ServiceRegistry, 'match' | 'isAmbiguous' | 'decisiveDepth'>
  authOptions: AuthOptions
  /** Whether a request that names this `Host` was meant for the gateway. Default: any. */
  takesHost?: (host: string | undefined) => boolean
}

/** Returns the hook that admits or refuses a request: target, service, preflight, caller. What it admits is forwarded. */
export function createAdmission({ registry, authOptions, takesHost = () => true }: AdmissionOptions) {
  const guard = createGuard(authOptions)

  return (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void => {
    if (dropIfGone(request, reply)) return
    reply.header('x-request-id', request.id)
    const { raw } = request
    const target = readTarget(request.originalUrl)
    if (target === null) return void sendProblem(reply, 'invalid_request')
    const { path, credential, query, authority } = target
    raw.url = path + query
    if (credential !== null) noteCredential(credential, request, reply)
    if (!namesOneHost(raw, authority))
      return void sendProblem(reply, 'invalid_request', { detail: oneHostRule })
    if (authority !== null) raw.headers.host = authority
    if (!takesHost(raw.headers.host)) return void sendProblem(reply, 'invalid_request')
    const service = registry.match(path)
    if (service === null) return void sendProblem(reply, 'not_found')
    if (service === 'unknown') return void sendProblem(reply, 'unavailable')
    // A link opens one path, however deep it is.
    const decisive = credential === null ? registry.decisiveDepth() : Number.POSITIVE_INFINITY
    const readings = listReadings(path, { depth: service.depth, decisive })
    if (readings === null || registry.isAmbiguous(path, readings))
      return void sendProblem(reply, 'ambiguous_path')
    if (credential === null && readings.some(presentsCredential))
      return void sendProblem(reply, 'ambiguous_path')
    request.readings = readings
    const access = chooseAccess(service, request)
    if (access === null) return void sendProblem(reply, 'ambiguous_path')
    request.service = service
    const { max_body_bytes: maxBytes } = service.descriptor
    if (maxBytes !== null && Number(raw.headers['content-length']) > maxBytes) {
      return void sendProblem(reply, 'payload_too_large')
    }
    const readsQueryKey = authOptions.allowQueryKey === true || service.readAccess.allowQueryKey === true
    if (isPreflight(request)) handlePreflight({ service, readsQueryKey }, request, reply, done)
    else guard(request, reply, access, done)
  }
}

/** No other site that the answer leads to may learn of the URL that opened it. */
function noteCredential(credential: string, request: FastifyRequest, reply: FastifyReply): void {
  request.credentialInPath = credential
  reply.header('referrer-policy', 'no-referrer')
}

/** It goes on to the service as nobody's, is answered here, or ends here. */
function handlePreflight(
  { service: { descriptor }, readsQueryKey }: { service: RegisteredService; readsQueryKey: boolean },
  request: FastifyRequest,
  reply: FastifyReply,
  done: () => void,
): void {
  const { raw } = request
  if (descriptor.preflight === 'refuse') refusePreflight(reply)
  else if (descriptor.preflight === 'answer') answerPreflight(request, reply)
  else {
    // A browser asks with the whole URL of the call to come.
    if (readsQueryKey) raw.url = removeQueryKey(raw.url ?? '')
    done()
  }
}
