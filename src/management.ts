import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Principal } from './auth/types.js'
import { sendProblem } from './errors.js'

/** Who asked for a change, and from where: what the ledger keeps. */
export interface Origin {
  principal: Principal
  address: string
  requestId: string
}

/**
 * What all endpoints have in common that manage keys and services: JSON alone, and tokens of known clients alone.
 * @param managementClients clients whose tokens may manage; else a service that a token was forwarded to could
 */
export function prepareManagement(app: FastifyInstance, managementClients: readonly string[]): void {
  takeJsonOnly(app)
  app.addHook('onRequest', (request, reply, done) => {
    const { via, clientId = '' } = request.principal
    if (via === 'oauth2' && !managementClients.includes(clientId)) {
      return sendProblem(reply, 'client_not_allowed')
    }
    done()
  })
  // A POST without a body means one without members.
  app.addHook('preValidation', (request, _reply, done) => {
    if (request.method === 'POST' && request.body === undefined) request.body = {}
    done()
  })
}

/** No forms and no text, which a page of any site can send; and JSON that was announced but not sent is no body. */
function takeJsonOnly(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else parseJson(request, String(body), done)
  })
}

/** Who asks for a change, and from where. */
export const originOf = ({ principal, ip, id }: FastifyRequest): Origin => ({
  principal,
  address: ip,
  requestId: id,
})

/** The ledger's lines about who did something. */
export const describeOrigin = ({ principal, address, requestId }: Origin) => ({
  actor: {
    subject: principal.subject,
    login: principal.login,
    via: principal.via,
    ...(principal.keyId === undefined ? {} : { keyId: principal.keyId }),
  },
  address,
  requestId,
})
