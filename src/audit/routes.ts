import { type ManagementPlugin, prepareManagement } from '../auth/management-scope.js'
import type { Access } from '../auth/types.js'
import * as schemas from '../schemas/audit.js'
import { described, problemResponses } from '../schemas/common.js'
import type { Database } from '../store/database.js'
import { listAudit } from './list.js'

const byAdministrator: Access = { by: 'admin' }

/** The audit events, for administrators. */
export const auditRoutes: ManagementPlugin<{ db: Database }> = async (app, options) => {
  prepareManagement(app, options.managementClients)

  app.get(
    '/admin/audit',
    {
      config: { access: byAdministrator },
      schema: {
        operationId: 'listAudit',
        summary: 'List Audit Events',
        description:
          'The ledger of everything that changed a key, a service or a group, and of refused logins; the newest first, never a value.',
        tags: ['Administration'],
        querystring: schemas.listAuditSchema,
        response: {
          200: described(schemas.auditPageSchema, 'A page of the ledger.'),
          ...problemResponses(400, 401, 403),
        },
      },
    },
    async (request) => listAudit(options.context, request.query),
  )
}
