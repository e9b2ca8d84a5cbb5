import Type from 'typebox'
import { administratorOf } from '../audit/actor.js'
import { type ManagementPlugin, prepareManagement } from '../auth/management-scope.js'
import type { Access } from '../auth/types.js'
import { cutPage, readCursor } from '../http/pagination.js'
import { Problem } from '../problems/problem.js'
import { described, problemResponses, ref } from '../schemas/common.js'
import * as schemas from '../schemas/service.js'
import { findGroup, findService, listGroups, listServices } from '../store/services.js'
import {
  asGroupDocument,
  createServiceGroup,
  deleteServiceGroup,
  updateServiceGroup,
} from './change-group.js'
import { asServiceDocument, changeService, createService, removeService } from './change-service.js'
import type { ServiceContext } from './context.js'

const access: Access = { by: 'admin' }
const tags = ['Administration']
const common = { config: { access } }

/** Who may not, and what is wrong with any request; without a body, and with one. */
const refused = problemResponses(400, 401, 403)
const refusedChange = problemResponses(400, 401, 403, 404, 409, 413, 415)
const location = { Location: { type: 'string', description: 'Where the entry is.' } }
const deleted = Type.Null({ description: 'The entry is gone.' })

/** `/admin/groups` and `/admin/services`: what the administrators keep of the registry. */
export const serviceRoutes: ManagementPlugin<ServiceContext> = async (app, options) => {
  prepareManagement(app, options.managementClients)
  await app.register(groupRoutes, options)
  await app.register(descriptorRoutes, options)
}

const groupRoutes: ManagementPlugin<ServiceContext> = async (app, { context }) => {
  const { db } = context
  const params = schemas.groupParametersSchema
  const shown = described(schemas.groupSchema, 'The group as it is now.')

  app.get(
    '/admin/groups',
    {
      ...common,
      schema: {
        operationId: 'listServiceGroups',
        summary: 'List Service Groups',
        description: 'The groups of services, newest first.',
        tags,
        querystring: schemas.listGroupsSchema,
        response: { 200: described(schemas.groupPageSchema, 'A page of groups.'), ...refused },
      },
    },
    async ({ query }) => {
      const { limit } = query
      const found = await listGroups(db, { limit: limit + 1, after: readCursor(query.cursor) })
      const { rows, nextCursor } = cutPage(found, limit)
      return { items: rows.map(asGroupDocument), next_cursor: nextCursor }
    },
  )

  app.post(
    '/admin/groups',
    {
      ...common,
      schema: {
        operationId: 'createServiceGroup',
        summary: 'Create Service Group',
        description: 'Makes a group that services can be put into and keys can be authorised on.',
        tags,
        body: ref(schemas.createGroupSchema),
        response: {
          201: { ...described(schemas.groupSchema, 'The group.'), headers: location },
          ...problemResponses(400, 401, 403, 409, 413, 415),
        },
      },
    },
    async (request, reply) => {
      const group = await createServiceGroup(context, administratorOf(request), request.body)
      reply.code(201).header('location', `groups/${group.id}`)
      return asGroupDocument(group)
    },
  )

  app.get(
    '/admin/groups/:id',
    {
      ...common,
      schema: {
        operationId: 'showServiceGroup',
        summary: 'Show Service Group',
        description: 'One group.',
        tags,
        params,
        response: { 200: shown, ...problemResponses(400, 401, 403, 404) },
      },
    },
    async ({ params: { id } }) => {
      const group = await findGroup(db.prisma, id)
      if (group === null) throw new Problem('not_found')
      return asGroupDocument(group)
    },
  )

  app.patch(
    '/admin/groups/:id',
    {
      ...common,
      schema: {
        operationId: 'updateServiceGroup',
        summary: 'Update Service Group',
        description: 'Changes what is named and nothing else, also within `limits`.',
        tags,
        params,
        body: ref(schemas.updateGroupSchema),
        response: { 200: shown, ...refusedChange },
      },
    },
    async (request) =>
      asGroupDocument(
        await updateServiceGroup(context, administratorOf(request), request.params.id, request.body),
      ),
  )

  app.delete(
    '/admin/groups/:id',
    {
      ...common,
      schema: {
        operationId: 'deleteServiceGroup',
        summary: 'Delete Service Group',
        description: 'Removes a group that no service and no key refers to.',
        tags,
        params,
        response: { 204: deleted, ...refusedChange },
      },
    },
    async (request, reply) => {
      await deleteServiceGroup(context, administratorOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  )
}

const descriptorRoutes: ManagementPlugin<ServiceContext> = async (app, { context }) => {
  const { db } = context
  const params = schemas.serviceParametersSchema
  const shown = described(schemas.serviceSchema, 'The service as it is now.')

  app.get(
    '/admin/services',
    {
      ...common,
      schema: {
        operationId: 'listServices',
        summary: 'List Services',
        description: 'The services behind the gateway, enabled or not, newest first.',
        tags,
        querystring: schemas.listServicesSchema,
        response: { 200: described(schemas.servicePageSchema, 'A page of services.'), ...refused },
      },
    },
    async ({ query }) => {
      const { limit, group } = query
      const found = await listServices(db, {
        limit: limit + 1,
        after: readCursor(query.cursor),
        ...(group === undefined ? {} : { groupId: group }),
      })
      const { rows, nextCursor } = cutPage(found, limit)
      return { items: rows.map(asServiceDocument), next_cursor: nextCursor }
    },
  )

  app.post(
    '/admin/services',
    {
      ...common,
      schema: {
        operationId: 'createService',
        summary: 'Create Service',
        description: 'Puts a service behind the gateway, from the next request on.',
        tags,
        body: ref(schemas.createServiceSchema),
        response: {
          201: { ...described(schemas.serviceSchema, 'The service.'), headers: location },
          ...problemResponses(400, 401, 403, 409, 413, 415),
        },
      },
    },
    async (request, reply) => {
      const service = await createService(context, administratorOf(request), request.body)
      reply.code(201).header('location', `services/${service.id}`)
      return asServiceDocument(service)
    },
  )

  app.get(
    '/admin/services/:id',
    {
      ...common,
      schema: {
        operationId: 'showService',
        summary: 'Show Service',
        description: 'One service.',
        tags,
        params,
        response: { 200: shown, ...problemResponses(400, 401, 403, 404) },
      },
    },
    async ({ params: { id } }) => {
      const service = await findService(db.prisma, id)
      if (service === null) throw new Problem('not_found')
      return asServiceDocument(service)
    },
  )

  app.patch(
    '/admin/services/:id',
    {
      ...common,
      schema: {
        operationId: 'updateService',
        summary: 'Update Service',
        description:
          'Changes what is named and nothing else, also within `access` and `accept`, from the next request on. `enabled: false` takes the service away from the gateway.',
        tags,
        params,
        body: ref(schemas.updateServiceSchema),
        response: { 200: shown, ...refusedChange },
      },
    },
    async (request) =>
      asServiceDocument(
        await changeService(context, administratorOf(request), request.params.id, request.body),
      ),
  )

  app.delete(
    '/admin/services/:id',
    {
      ...common,
      schema: {
        operationId: 'deleteService',
        summary: 'Delete Service',
        description: 'Removes a service that no key refers to, from the next request on.',
        tags,
        params,
        response: { 204: deleted, ...refusedChange },
      },
    },
    async (request, reply) => {
      await removeService(context, administratorOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  )
}
