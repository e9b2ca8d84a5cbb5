import jwt from '@fastify/jwt'
import { exportSPKI, importJWK } from 'jose'
import { generateSigningKey, publicKeyOf } from '../../src/dev/signing-key.js'
import { addRoute, createService, type Server } from './service.js'
import { signToken } from './token.js'

async function openJwt(cache: boolean): Promise<Server> {
  const signingKey = await generateSigningKey()
  const key = await importJWK(publicKeyOf(signingKey), 'RS256')
  if (key instanceof Uint8Array) throw new Error('A public key is expected')
  const app = createService()
  await app.register(jwt, {
    secret: { public: await exportSPKI(key) },
    verify: { algorithms: ['RS256'], cache },
  })
  app.addHook('onRequest', (request) => request.jwtVerify())
  addRoute(app)
  const token = await signToken(signingKey, 'https://sso.example.org/realms/rspy')
  return { app, credential: { Authorization: `Bearer ${token}` } }
}

export const openJwtUncached = () => openJwt(false)
export const openJwtCached = () => openJwt(true)
