import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from '../problems/render.js'
import type { ServiceRegistry } from '../services/types.js'

export interface ReadinessAnswerOptions {
  registry: Pick<ServiceRegistry, 'match'>
  /** Finds what speaks against sending requests to this process; null: nothing. */
  findFault: () => Promise<string | null>
}

const readyPath = '/health/ready'

/** Whether a balancer asks, which it does every second: its answers are logged at `debug`. */
export const isReadinessQuestion = ({ originalUrl, raw }: FastifyRequest): boolean =>
  originalUrl === readyPath && (raw.method === 'GET' || raw.method === 'HEAD')

/**
 * Returns a hook that tells balancers whether this process should get requests. A service whose prefix covers the path
 * keeps it, because no path of a service is taken away.
 */
export function answerReadiness({ registry, findFault }: ReadinessAnswerOptions) {
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    if (!isReadinessQuestion(request) || registry.match(readyPath) !== null) return void done()
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
