import { addRoute, createService, type Server } from './service.js'

/** The route alone. With a credential: what it costs Node to receive one, whoever checks it. */
export async function openBare(credential: Record<string, string> = {}): Promise<Server> {
  const app = createService()
  addRoute(app)
  return { app, credential }
}
