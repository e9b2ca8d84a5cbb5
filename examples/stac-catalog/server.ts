import Fastify, { type FastifyRequest } from 'fastify'
import latchkey, { createRemoteAuth, removeQueryKey, renderError } from 'latchkey/auth'
import { stacCatalog } from './index.js'

/** The catalogue as a service of its own: it asks Latchkey about keys, and the issuer for its signing keys. */
async function main() {
  const { PORT = '3002', LATCHKEY_URL = 'http://127.0.0.1:3000', OIDC_AUDIENCES = 'latchkey' } = process.env
  const { OIDC_ISSUER = `${LATCHKEY_URL}/dev-idp/realms/latchkey` } = process.env
  const { PUBLIC_URL = `http://127.0.0.1:${PORT}` } = process.env

  const app = Fastify({ logger: { serializers: { req: describeRequest } } })
  app.setErrorHandler(renderError)
  await app.register(
    latchkey,
    createRemoteAuth({
      url: LATCHKEY_URL,
      issuer: OIDC_ISSUER,
      audiences: OIDC_AUDIENCES.split(/[\s,]+/).filter((name) => name !== ''),
      onUnavailable: (cause) => app.log.warn({ err: cause }, 'Latchkey does not answer'),
    }),
  )
  await app.register(stacCatalog, { baseUrl: PUBLIC_URL })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close())
  await app.listen({ port: Number(PORT) })
}

/** Fastify logs a request before any hook sees it: a key in the URL is taken out here. */
const describeRequest = ({ method, url, ip }: FastifyRequest) => ({
  method,
  url: removeQueryKey(url),
  remoteAddress: ip,
})

await main()
