import { randomBytes } from 'node:crypto'
import bearerAuth from '@fastify/bearer-auth'
import { addRoute, createService, type Server } from './service.js'

/** @returns a server that is called with the key in the middle of its list */
export async function openBearerAuth(count: number): Promise<Server> {
  const keys = Array.from({ length: count }, () => randomBytes(32).toString('base64url'))
  const app = createService()
  await app.register(bearerAuth, { keys: new Set(keys) })
  addRoute(app)
  return { app, credential: { Authorization: `Bearer ${keys[Math.floor(count / 2)]}` } }
}
