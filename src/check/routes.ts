import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { refuse } from '../auth/refuse.js'
import type { Verify } from '../auth/types.js'
import { partiesOf } from '../limits/party.js'
import type { LimitedParty, Limiter } from '../limits/types.js'
import { described, problemResponses, ref } from '../schemas/common.js'
import { keyVerdictSchema, verifyKeySchema } from '../schemas/verdict.js'
import type { ServiceRegistry } from '../services/types.js'
import { describeKey, describeRefusal, judgeCall, unbounded } from './verify.js'

export interface CheckOptions {
  /** The same that guards this service's own routes. */
  verifyKey: Verify
  limiter: Limiter
  services: Pick<ServiceRegistry, 'find'>
  /** How long services may go on with an answer when this one cannot be asked, in milliseconds. */
  maxStaleMs: number
  /** Milliseconds since the epoch. */
  clock: () => number
}

// How late a service that remembers the answer hears of a revocation.
const cacheSeconds = 5

/**
 * The check as data, for services that are no Fastify and for the hook in those that are. It takes no credential of
 * its own, a session neither: whoever holds a value may ask about it.
 */
export const checkRoutes: FastifyPluginAsyncTypebox<CheckOptions> = async (app, options) => {
  const { verifyKey, limiter, clock, services } = options
  const maxStaleSeconds = Math.floor(options.maxStaleMs / 1000)
  const policy = {
    cacheSeconds: Math.min(cacheSeconds, maxStaleSeconds),
    staleIfErrorSeconds: maxStaleSeconds,
  }

  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('cache-control', 'no-store')
    done()
  })

  app.post(
    '/api-keys/verify',
    {
      schema: {
        operationId: 'verifyApiKey',
        summary: 'Verify Api Key',
        description:
          'Whether a key may make a call, and whom it acts for: the verdict of the hook, as data. Needs no credential of its own. ' +
          'What the question leaves out counts as the worst case. For every value that is good, `bounds` and `principal` let you decide its other calls by yourself for `cache_seconds`. ' +
          'A question whose answer is yes counts as a use of the key, and as a call where calls are limited: then ask for each, and tell your caller what `limits` say.',
        tags: ['Check'],
        security: [],
        body: ref(verifyKeySchema),
        response: {
          200: described(keyVerdictSchema, 'The verdict, which may be no.'),
          ...problemResponses(400, 413, 415),
        },
      },
    },
    async (request, reply) => {
      const { body: question } = request
      // Refusals are counted by who asks: anybody could name another address as the client's.
      const verdict = await verifyKey(question.value, request.ip)
      if (verdict.kind === 'refused') return describeRefusal(policy)
      if (verdict.kind !== 'accepted') return refuse(verdict, request, reply)
      const { principal, key = unbounded, isStale = false } = verdict
      const registered = question.service === undefined ? null : services.find(question.service)
      if (registered === 'unknown') return refuse(servicesUnknown, request, reply)
      const service = registered?.called ?? null
      const asked = { principal, key, isStale, question, service }
      const refusal = judgeCall(asked)
      // What has no bounds has no limits either, at the hook neither.
      const parties = verdict.key === undefined ? null : partiesOf(key.limited, service?.groupLimits ?? null)
      const counted = parties === null ? null : await countUnlessRefused(parties, refusal)
      if (counted?.kind === 'unavailable') return refuse(counted, request, reply)
      const now = clock()
      const answer = describeKey(asked, refusal, counted, policy, now)
      const address = question.client_ip ?? request.ip
      if (answer.valid) verdict.recordUse?.(now, address, request.headers['user-agent'])
      return answer
    },
  )

  /** A call that is refused for another reason counts nothing, and is told what remains. */
  async function countUnlessRefused(parties: readonly LimitedParty[], refusal: string | null) {
    if (refusal === null) return limiter.take(parties)
    return { kind: 'looked', quotas: await limiter.look(parties) } as const
  }
}

const servicesUnknown = {
  kind: 'unavailable',
  cause: new Error('Nobody can tell which services there are'),
} as const
