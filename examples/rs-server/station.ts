import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance } from 'fastify'
import Type from 'typebox'

/** What a station hands out. */
export interface Station {
  title: string
  description: string
  /** Names of its files, and how many bytes each has. */
  records: readonly (readonly [name: string, sizeBytes: number])[]
}

const productSchema = Type.Object({
  Id: Type.String({ format: 'uuid' }),
  Name: Type.String(),
  ContentLength: Type.Integer({ description: 'In bytes.' }),
})

const productsSchema = Type.Object({
  '@odata.count': Type.Integer({ description: 'How many match, whatever the page.' }),
  value: Type.Array(productSchema),
})

const searchSchema = Type.Object({
  name: Type.Optional(Type.String({ description: 'What the name must contain.' })),
  $top: Type.Integer({ minimum: 1, maximum: 100, default: 10, description: 'At most so many.' }),
  $skip: Type.Integer({ minimum: 0, default: 0, description: 'After so many.' }),
})

const refusalSchema = Type.Object({ message: Type.String() })

/**
 * A service that knows nothing of keys: it listens where only the gateway reaches it, and reads from the identity
 * headers who is calling. Products are searched and downloaded in the shape of OData, their contents are invented.
 */
export async function buildStation({ title, description, records }: Station): Promise<FastifyInstance> {
  const products = records.map(([Name, ContentLength]) => ({ Id: idOf(Name), Name, ContentLength }))
  const app = Fastify({ logger: true }).withTypeProvider<TypeBoxTypeProvider>()
  await app.register(swagger, { openapi: { info: { title, description, version: '1.0.0' } } })
  app.addHook('onRequest', async ({ headers, log }) => {
    const login = decodeURIComponent(String(headers['latchkey-login'] ?? ''))
    log.info({ login: login || 'nobody' }, 'called')
  })

  app.get(
    '/Products',
    { schema: { summary: 'Search', querystring: searchSchema, response: { 200: productsSchema } } },
    ({ query: { name = '', $top, $skip } }) => {
      const found = products.filter(({ Name }) => Name.includes(name))
      return { '@odata.count': found.length, value: found.slice($skip, $skip + $top) }
    },
  )

  app.get(
    '/Products/:Id/content',
    {
      schema: {
        summary: 'Download',
        params: Type.Object({ Id: Type.String() }),
        response: { 200: Type.Unsafe({ type: 'string', format: 'binary' }), 404: refusalSchema },
      },
    },
    ({ params: { Id } }, reply) => {
      const product = products.find((one) => one.Id === Id)
      if (product === undefined) return reply.code(404).send({ message: 'There is no such product' })
      return reply
        .header('content-length', product.ContentLength)
        .header('content-disposition', `attachment; filename="${product.Name}"`)
        .type('application/octet-stream')
        .send(Readable.from(contentOf(product.ContentLength)))
    },
  )

  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
  return app
}

const chunk = Buffer.alloc(64 * 1024)

function* contentOf(sizeBytes: number): Generator<Buffer> {
  for (let sent = 0; sent < sizeBytes; sent += chunk.length) yield chunk.subarray(0, sizeBytes - sent)
}

/** The same at every start, so that a noted one goes on working. */
function idOf(name: string): string {
  const digits = createHash('sha256').update(name).digest('hex')
  return digits.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/, '$1-$2-4$3-8$4-$5')
}
