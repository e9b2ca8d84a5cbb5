import auth, { createRemoteAuth } from '../../src/auth/index.js'
import { storedKey } from '../stored-keys.js'
import { addRoute, createService, type Server } from './service.js'
import { audience } from './token.js'

/** A service of its own, called with one key: what Latchkey said of it serves for seconds. */
export async function openRemote(url: string): Promise<Server> {
  const app = await openGuarded(url)
  return { app, credential: { 'X-API-Key': storedKey(0).value } }
}

/** The same, remembering a single key and called with all in turn: Latchkey, which remembers them, is asked each time. */
export async function openRemoteFirst(url: string, storedKeys: string): Promise<Server> {
  const app = await openGuarded(url, 1)
  return { app, credential: { 'X-API-Key': '{key}' }, storedKeys: Number(storedKeys) }
}

async function openGuarded(url: string, maxCached?: number) {
  // No token is sent here, so the issuer is never asked.
  const place = { url, issuer: 'http://127.0.0.1:9/realms/bench', audiences: [audience] }
  const app = createService()
  await app.register(auth, createRemoteAuth({ ...place, ...(maxCached === undefined ? {} : { maxCached }) }))
  addRoute(app)
  return app
}
