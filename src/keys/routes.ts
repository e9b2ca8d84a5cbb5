import Type from 'typebox'
import { ownerOf } from '../audit/actor.js'
import { type ManagementPlugin, prepareManagement } from '../auth/management-scope.js'
import type { Access } from '../auth/types.js'
import { Problem } from '../problems/problem.js'
import { described, problemResponses, ref } from '../schemas/common.js'
import * as schemas from '../schemas/key.js'
import { scopeListSchema } from '../schemas/scope.js'
import { findKey } from '../store/keys.js'
import type { KeyContext } from './context.js'
import { removeKey } from './delete.js'
import { asDocument } from './document.js'
import { issueKey, orderOwnKey } from './issue.js'
import { listKeyPage } from './list.js'
import { listScopes } from './list-scopes.js'
import { renewKey } from './renew.js'
import { revokeKey } from './revoke.js'
import { rotateKey } from './rotate.js'
import { updateKeyMembers } from './update.js'

const login: Access = { by: 'login' }
/** A key may do this to itself. */
const loginOrItself: Access = { by: 'login-or-itself' }

const tags = ['API-Key Manager']
const params = schemas.keyParametersSchema

export const keyRoutes: ManagementPlugin<KeyContext> = async (app, options) => {
  const { context } = options
  const document = (key: Parameters<typeof asDocument>[0]) => asDocument(key, new Date(context.clock()))

  prepareManagement(app, options.managementClients)

  app.post(
    '/api-keys',
    {
      config: { access: login },
      schema: {
        operationId: 'createApiKey',
        summary: 'Create Api Key',
        description: 'Makes a key for the caller. **Note its `value` now: it is never shown again.**',
        tags,
        body: ref(schemas.createKeySchema),
        response: {
          201: {
            ...described(schemas.keyWithValueSchema, 'The key with its value.'),
            headers: { Location: { type: 'string', description: 'Where the key is.' } },
          },
          ...problemResponses(400, 401, 403, 409, 413, 415),
        },
      },
    },
    async (request, reply) => {
      const actor = ownerOf(request)
      const { key, value } = await issueKey(context, actor, orderOwnKey(request.body))
      reply.code(201).header('location', `api-keys/${key.id}`)
      return { ...document(key), value }
    },
  )

  app.get(
    '/api-keys',
    {
      config: { access: login },
      schema: {
        operationId: 'listMyApiKeys',
        summary: 'List My Api Keys',
        description: "The caller's keys, newest first, each with its usage; never a value.",
        tags,
        querystring: schemas.listKeysSchema,
        response: {
          200: described(schemas.keyPageSchema, 'A page of keys.'),
          ...problemResponses(400, 401, 403),
        },
      },
    },
    async (request) => {
      const which = { ownerSubject: request.principal.subject }
      const page = await listKeyPage(context, which, request.query)
      return { items: page.keys.map((key) => asDocument(key, page.now)), next_cursor: page.nextCursor }
    },
  )

  app.get(
    '/scopes',
    {
      config: { access: login },
      schema: {
        operationId: 'listScopes',
        summary: 'List Scopes',
        description:
          'What you may give a key as `scopes`: `inherit`, or some of your own rights as the identity provider tells them now.',
        tags,
        response: {
          200: described(scopeListSchema, 'The scopes, with what they mean where that is told.'),
          ...problemResponses(400, 401, 403, 404),
        },
      },
    },
    async (request) => listScopes(context, ownerOf(request)),
  )

  app.get(
    '/api-keys/:id',
    {
      config: { access: loginOrItself },
      schema: {
        operationId: 'showApiKey',
        summary: 'Show Api Key',
        description: 'One key of the caller. A key may show itself.',
        tags,
        params,
        response: { 200: described(schemas.keySchema, 'The key.'), ...problemResponses(400, 401, 403, 404) },
      },
    },
    async (request) => {
      const { principal } = request
      const key = await findKey(context.db.prisma, request.params.id)
      if (key === null || key.ownerSubject !== principal.subject) throw new Problem('not_found')
      return document(key)
    },
  )

  app.patch(
    '/api-keys/:id',
    {
      config: { access: login },
      schema: {
        operationId: 'updateApiKey',
        summary: 'Update Api Key',
        description: 'Changes what is named and nothing else. `enabled: false` makes the key pause.',
        tags,
        params,
        body: ref(schemas.updateKeySchema),
        response: changedResponses,
      },
    },
    async (request) => {
      const actor = ownerOf(request)
      return document(await updateKeyMembers(context, actor, request.params.id, request.body))
    },
  )

  app.post(
    '/api-keys/:id/revoke',
    {
      config: { access: { ...loginOrItself, readOnlyKeys: 'may-write' } },
      schema: {
        operationId: 'revokeApiKey',
        summary: 'Revoke Api Key',
        description:
          'Ends a key at once; `permanent: true` (for a leaked key) means it can never be renewed. A key may revoke itself.',
        tags,
        params,
        body: ref(schemas.revokeKeySchema),
        response: changedResponses,
      },
    },
    async (request) => {
      const actor = ownerOf(request)
      return document(await revokeKey(context, actor, request.params.id, request.body))
    },
  )

  app.post(
    '/api-keys/:id/renew',
    {
      config: { access: login },
      schema: {
        operationId: 'renewApiKey',
        summary: 'Renew Api Key',
        description:
          'Lets a key live for the usual lifetime from now (15 days by default), or until `expires_at`, even if it had longer; a revoked or expired one works again. A never-expiring key stays so unless `expires_at` is given.',
        tags,
        params,
        body: ref(schemas.renewKeySchema),
        response: changedResponses,
      },
    },
    async (request) => {
      const actor = ownerOf(request)
      return document(await renewKey(context, actor, request.params.id, request.body))
    },
  )

  app.post(
    '/api-keys/:id/rotate',
    {
      config: { access: login },
      schema: {
        operationId: 'rotateApiKey',
        summary: 'Rotate Api Key',
        description:
          'Gives a key a new value, **shown only now**; the old one works for `grace_seconds` more, at most 30 days.',
        tags,
        params,
        body: ref(schemas.rotateKeySchema),
        response: {
          ...changedResponses,
          200: described(schemas.keyWithValueSchema, 'The key with its new value.'),
        },
      },
    },
    async (request) => {
      const actor = ownerOf(request)
      const { key, value } = await rotateKey(context, actor, request.params.id, request.body)
      return { ...document(key), value }
    },
  )

  app.delete(
    '/api-keys/:id',
    {
      config: { access: login },
      schema: {
        operationId: 'deleteApiKey',
        summary: 'Delete Api Key',
        description: 'Removes a key for good; its name is free again.',
        tags,
        params,
        response: {
          204: Type.Null({ description: 'The key is gone.' }),
          ...problemResponses(400, 401, 403, 404, 413, 415),
        },
      },
    },
    async (request, reply) => {
      await removeKey(context, ownerOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  )
}

const changedResponses = {
  200: described(schemas.keySchema, 'The key as it is now.'),
  ...problemResponses(400, 401, 403, 404, 409, 413, 415),
}
