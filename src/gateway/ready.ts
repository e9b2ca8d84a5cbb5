import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from '../problems/render.js'
import type { ServiceRegistry } from '../services/types.js'

export interface ReadinessAnswerOptions {
  registry: Pick<ServiceRegistry, 'match'>
  /** Finds what speaks against sending requests to this process; null: nothing. */
  findFault: () => Promise<string | null>
}

const readyPath = '/health/ready'

/**
 * Returns a hook that tells balancers whether this process should get requests. A service whose prefix covers the path
 * keeps it, because no path of a service is taken away.
 */
export function answerReadiness({ registry, findFault }: ReadinessAnswerOptions) {
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    const { method } = request.raw
    const isQuestion = request.originalUrl === readyPath && (method === 'GET' || method === 'HEAD')
    if (!isQuestion || registry.match(readyPath) !== null) return void done()
    reply.header('x-request-id', request.id).header('cache-control', 'no-store')
    findFault().then(
      (fault) => {
        if (fault === null) reply.send({ status: 'up' })
        else sendProblem(reply, 'unavailable', { detail: fault })
      },
      (error) => reply.send(error),
    )
  }
}
