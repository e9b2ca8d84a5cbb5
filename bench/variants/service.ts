import Fastify, { type FastifyInstance } from 'fastify'
import Type from 'typebox'

/** A server that can be called, and how. */
export interface Server {
  app: FastifyInstance
  /** Headers beyond those of every request. Default: none. */
  credential?: Record<string, string>
  /** What it must answer. Default: 200. */
  status?: number
  /** How many keys are stored, where `{key}` in the credential stands for another of them each time. */
  storedKeys?: number
  /** Does what it has put off. */
  rest?: () => Promise<void>
}

/** The same service for every variant: no log, no limits, nothing but its route. */
export const createService = (): FastifyInstance => Fastify({ logger: false })

const collectionSchema = Type.Object({
  id: Type.String(),
  title: Type.String(),
  license: Type.String(),
  itemCount: Type.Integer(),
  keywords: Type.Array(Type.String()),
})

const collection = {
  id: 'sentinel-2',
  title: 'Sentinel-2 Level-2A',
  license: 'proprietary',
  itemCount: 1_234_567,
  keywords: ['optical', 'surface reflectance', 'europe'],
}

/** What a service does that costs next to nothing, so that what guards it stands out. */
export function addRoute(app: FastifyInstance): void {
  const schema = { response: { 200: collectionSchema } }
  app.get('/collections/:id', { schema, config: { access: {} } }, (_request, reply) => {
    reply.send(collection)
  })
}
