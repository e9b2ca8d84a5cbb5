import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { prepareManagement } from '../auth/management-scope.js'
import type { AdminContext } from './context.js'
import { keyAdministration } from './key-routes.js'
import { keySwitchAdministration } from './key-switch-routes.js'
import { ownerAdministration } from './owner-routes.js'

export interface AdminRoutesOptions {
  context: AdminContext
  /** Clients whose tokens may administrate; else a service that a token was forwarded to could. */
  managementClients: readonly string[]
}

/** What administrators do: keys of anyone, limits of owners, the switch of all keys. */
export const adminRoutes: FastifyPluginAsyncTypebox<AdminRoutesOptions> = async (app, options) => {
  const { context } = options
  prepareManagement(app, options.managementClients)
  await app.register(keyAdministration, { context })
  await app.register(ownerAdministration, { context })
  await app.register(keySwitchAdministration, { context })
}
