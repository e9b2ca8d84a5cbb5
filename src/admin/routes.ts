import { type ManagementPlugin, prepareManagement } from '../auth/management-scope.js'
import type { AdminContext } from './context.js'
import { keyAdministration } from './key-routes.js'
import { keySwitchAdministration } from './key-switch-routes.js'
import { ownerAdministration } from './owner-routes.js'

/** What administrators do: keys of anyone, limits of owners, the switch of all keys. */
export const adminRoutes: ManagementPlugin<AdminContext> = async (app, options) => {
  const { context } = options
  prepareManagement(app, options.managementClients)
  await app.register(keyAdministration, { context })
  await app.register(ownerAdministration, { context })
  await app.register(keySwitchAdministration, { context })
}
