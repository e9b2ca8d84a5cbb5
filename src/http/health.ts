import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { sendProblem } from '../problems/render.js'
import { problemResponses } from '../schemas/common.js'

export interface HealthOptions {
  /** What the service needs, by name, and how to ask whether it is there. */
  needs: Record<string, (timeoutMs: number) => Promise<boolean>>
  /** Milliseconds since the epoch. */
  clock: () => number
}

const timeoutMs = 2000
// The service itself is busy just then, and may be asking itself.
const startTimeoutMs = 5000
const rememberMs = 1000

const tags = ['Health']
const upSchema = Type.Object({ status: Type.Literal('up') }, { description: 'Well.' })

/** Whether the process lives, and whether it can do its work. */
export const healthRoutes: FastifyPluginAsyncTypebox<HealthOptions> = async (app, { needs, clock }) => {
  let asked: { at: number; missing: Promise<string[]> } | undefined

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
        description: 'Whether the database and the issuer answer; 503 names in `detail` what is missing.',
        tags,
        security: [],
        response: { 200: upSchema, ...problemResponses() },
      },
    },
    async (_request, reply) => {
      const missing = await findMissing()
      if (missing.length === 0) return { status: 'up' as const }
      return sendProblem(reply, 'unavailable', { detail: `Missing: ${missing.join(', ')}.` })
    },
  )

  /** Asked once a second at most, however many ask here. */
  function findMissing(): Promise<string[]> {
    const now = clock()
    if (asked === undefined || Math.abs(now - asked.at) >= rememberMs)
      asked = { at: now, missing: askAll(timeoutMs) }
    return asked.missing
  }

  async function warnOfMissing(): Promise<void> {
    const missing = await askAll(startTimeoutMs)
    // It may have been ended meanwhile.
    if (missing.length === 0 || !app.server.listening) return
    app.log.warn(
      { missing },
      `does not answer: ${missing.join(', ')}; what needs it is unavailable until it does, and no restart is needed`,
    )
  }

  async function askAll(withinMs: number): Promise<string[]> {
    const answers = await Promise.all(
      Object.entries(needs).map(async ([name, ask]) =>
        (await ask(withinMs).catch(() => false)) ? [] : [name],
      ),
    )
    return answers.flat()
  }
}
