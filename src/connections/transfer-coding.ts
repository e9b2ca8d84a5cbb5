import type { FastifyInstance } from 'fastify'
import { problemBody } from '../problems/problem.js'
import { problemType, sendProblem } from '../problems/render.js'

const unknownCoding = {
  detail: 'The transfer coding of the body is not known here: send it in chunks alone.',
}

/**
 * Refuses bodies of any transfer coding but `chunked` alone with 501 (RFC 9112 §6.1). Node removes that one, and a
 * service would take the other codings for its content. A body has no end when its last coding is another (§6.3): 400.
 */
export function refuseTransferCodings(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    const coding = request.raw.headers['transfer-encoding']
    if (coding === undefined || coding.toLowerCase() === 'chunked') return done()
    // A proxy in front may see another end of the body.
    reply.header('connection', 'close').header('x-request-id', request.id)
    if (!/(^|[\s,])chunked$/i.test(coding)) return void sendProblem(reply, 'invalid_request')
    const problem = { ...problemBody('invalid_request', request.id, unknownCoding), status: 501 }
    reply.code(501).type(problemType).send(JSON.stringify(problem))
  })
}
