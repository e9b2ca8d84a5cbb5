import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { sendProblem } from '../problems/render.js'
import { problemResponses } from '../schemas/common.js'
import type { Readiness } from './readiness.js'

export interface HealthOptions {
  readiness: Readiness
}

// The service itself is busy just then, and may be asking itself.
const startTimeoutMs = 5000

const tags = ['Health']
const upSchema = Type.Object({ status: Type.Literal('up') }, { description: 'Well.' })

/** Whether the process lives, and whether it can do its work. */
export const healthRoutes: FastifyPluginAsyncTypebox<HealthOptions> = async (app, { readiness }) => {
  // The start does not wait for what comes later by itself; and yet whoever started it should know.
  app.addHook('onListen', (done) => {
    void warnOfMissing()
    done()
  })

  app.get(
    '/health/live',
    {
      schema: {
        operationId: 'live',
        summary: 'Live',
        description: 'Whether the process answers.',
        tags,
        security: [],
        response: { 200: upSchema, ...problemResponses() },
      },
    },
    async () => ({ status: 'up' as const }),
  )

  app.get(
    '/health/ready',
    {
      schema: {
        operationId: 'ready',
        summary: 'Ready',
        description:
          'Whether the database and the issuer answer and the process is not ending; 503 names in `detail` what is missing. The gateway answers it too, on its own port.',
        tags,
        security: [],
        response: { 200: upSchema, ...problemResponses() },
      },
    },
    async (_request, reply) => {
      const fault = await readiness.findFault()
      return fault === null ? { status: 'up' as const } : sendProblem(reply, 'unavailable', { detail: fault })
    },
  )

  async function warnOfMissing(): Promise<void> {
    const missing = await readiness.listMissing(startTimeoutMs)
    // It may have been ended meanwhile.
    if (missing.length === 0 || !app.server.listening) return
    app.log.warn(
      { missing },
      `does not answer: ${missing.join(', ')}; what needs it is unavailable until it does, and no restart is needed`,
    )
  }
}
