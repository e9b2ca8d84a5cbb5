import type { FastifyReply, FastifyRequest } from 'fastify'
import { hasBody } from '../connections/has-body.js'
import { sendProblem } from '../problems/render.js'

/** Whether a browser asks if a page of another site may make a call: it carries no credential. */
export function isPreflight({ method, headers, raw }: FastifyRequest): boolean {
  return (
    method === 'OPTIONS' &&
    headers.origin !== undefined &&
    headers['access-control-request-method'] !== undefined &&
    !hasBody(raw)
  )
}

const maxAgeSeconds = '600'

/** Lets every page ask: which of them may read the answer, the service says in it. Cookies never come along. */
export function answerPreflight({ headers }: FastifyRequest, reply: FastifyReply): void {
  const asked = headers['access-control-request-headers']
  reply
    .code(204)
    .headers({
      'access-control-allow-origin': headers.origin,
      'access-control-allow-methods': headers['access-control-request-method'],
      ...(asked === undefined ? {} : { 'access-control-allow-headers': asked }),
      'access-control-max-age': maxAgeSeconds,
      vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    })
    .send()
}

export function refusePreflight(reply: FastifyReply): void {
  sendProblem(reply, 'cross_site_request', { detail: 'Pages of other sites may not call this service.' })
}
