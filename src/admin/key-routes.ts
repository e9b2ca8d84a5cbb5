import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { administratorOf } from '../audit/actor.js'
import { removeKey } from '../keys/delete.js'
import { asDocument } from '../keys/document.js'
import { issueKey } from '../keys/issue.js'
import { listKeyPage } from '../keys/list.js'
import { renewKey } from '../keys/renew.js'
import { revokeKey } from '../keys/revoke.js'
import { rotateKey } from '../keys/rotate.js'
import { updateKeyMembers } from '../keys/update.js'
import { Problem } from '../problems/problem.js'
import * as schemas from '../schemas/admin.js'
import { described, problemResponses, ref } from '../schemas/common.js'
import {
  keyPageSchema,
  keyParametersSchema,
  keySchema,
  keyWithValueSchema,
  renewKeySchema,
  revokeKeySchema,
  rotateKeySchema,
} from '../schemas/key.js'
import { findKey, type KeyRow } from '../store/keys.js'
import type { AdminContext } from './context.js'
import { readOrder } from './import-body.js'
import { resetQuotas, showQuotas } from './quotas.js'
import { revokeNamedKeys } from './revoke-many.js'
import { byAdministrator, changeErrors, readErrors, tags } from './route-defaults.js'

const config = { access: byAdministrator }
const params = keyParametersSchema

/** The keys of anyone, and what is counted of them. */
export const keyAdministration: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const document = (key: KeyRow) => asDocument(key, new Date(context.clock()))

  app.get(
    '/admin/api-keys',
    {
      config,
      schema: {
        operationId: 'listAllApiKeys',
        summary: 'List All Api Keys',
        description: 'The keys of everybody, newest first, each with its usage; never a value.',
        tags,
        querystring: schemas.listAllKeysSchema,
        response: { 200: described(keyPageSchema, 'A page of keys.'), ...problemResponses(400, 401, 403) },
      },
    },
    async (request) => {
      const { owner: ownerSubject, kind, group, q: text, ...query } = request.query
      const page = await listKeyPage(context, { ownerSubject, kind, group, text }, query)
      return { items: page.keys.map((key) => asDocument(key, page.now)), next_cursor: page.nextCursor }
    },
  )

  app.post(
    '/admin/api-keys',
    {
      config,
      schema: {
        operationId: 'createServerKey',
        summary: 'Create Server Key',
        description:
          'Makes a key for a server, with a server user of its own, `server:<id>`, whose rights are its scopes. It may call the groups and services that it names and no others. **Note its `value` now: it is never shown again.** With `id` and `secret`, or with `value_sha256`, it imports a key that was made elsewhere, for a server or for a person (`owner`), which then works as it did there.',
        tags,
        body: ref(schemas.createAnyKeySchema),
        response: {
          201: {
            ...described(schemas.createdKeySchema, 'The key with its value.'),
            headers: { Location: { type: 'string', description: 'Where the key is.' } },
          },
          ...problemResponses(400, 401, 403, 409, 413, 415),
        },
      },
    },
    async (request, reply) => {
      const { key, value } = await issueKey(context, administratorOf(request), readOrder(request.body))
      reply.code(201).header('location', `api-keys/${key.id}`)
      return { ...document(key), value }
    },
  )

  app.get(
    '/admin/api-keys/:id',
    {
      config,
      schema: {
        operationId: 'showAnyApiKey',
        summary: 'Show Any Api Key',
        description: 'One key of anybody; never its value.',
        tags,
        params,
        response: { 200: described(keySchema, 'The key.'), ...readErrors },
      },
    },
    async (request) => {
      const key = await findKey(context.db.prisma, request.params.id)
      if (key === null) throw new Problem('not_found')
      return document(key)
    },
  )

  app.patch(
    '/admin/api-keys/:id',
    {
      config,
      schema: {
        operationId: 'changeAnyApiKey',
        summary: 'Update Any Api Key',
        description:
          'Changes what is named and nothing else. What this takes from its owner they cannot take back: a key that an administrator disabled stays so, and an end that was set here is not moved further.',
        tags,
        params,
        body: ref(schemas.changeAnyKeySchema),
        response: { 200: described(keySchema, 'The key as it is now.'), ...changeErrors },
      },
    },
    async (request) =>
      document(await updateKeyMembers(context, administratorOf(request), request.params.id, request.body)),
  )

  app.post(
    '/admin/api-keys/:id/revoke',
    {
      config,
      schema: {
        operationId: 'revokeAnyApiKey',
        summary: 'Revoke Any Api Key',
        description: 'Ends a key at once; its owner cannot renew it.',
        tags,
        params,
        body: ref(revokeKeySchema),
        response: { 200: described(keySchema, 'The key as it is now.'), ...changeErrors },
      },
    },
    async (request) =>
      document(await revokeKey(context, administratorOf(request), request.params.id, request.body)),
  )

  app.post(
    '/admin/api-keys/revoke',
    {
      config,
      schema: {
        operationId: 'revokeApiKeys',
        summary: 'Revoke Api Keys',
        description:
          'Ends up to 200 keys of anyone at once, all of them or none; their owners cannot renew them. An id that is given twice, and a key that is revoked already, are answered as when one key is revoked twice.',
        tags,
        body: ref(schemas.revokeManyKeysSchema),
        response: {
          200: described(schemas.manyRevokedKeysSchema, 'What was revoked, and the keys as they are now.'),
          ...problemResponses(400, 401, 403, 404, 413, 415),
        },
      },
    },
    async (request) => {
      const { revoked, keys } = await revokeNamedKeys(context, administratorOf(request), request.body.ids)
      return { revoked, items: keys.map(document) }
    },
  )

  app.post(
    '/admin/api-keys/:id/renew',
    {
      config,
      schema: {
        operationId: 'renewAnyApiKey',
        summary: 'Renew Any Api Key',
        description:
          'Lets a key live for the usual lifetime from now, or until `expires_at`, which its owner then cannot move further. A revoked or expired one works again, also one that an administrator revoked, but not one that was revoked for good.',
        tags,
        params,
        body: ref(renewKeySchema),
        response: { 200: described(keySchema, 'The key as it is now.'), ...changeErrors },
      },
    },
    async (request) =>
      document(await renewKey(context, administratorOf(request), request.params.id, request.body)),
  )

  app.post(
    '/admin/api-keys/:id/rotate',
    {
      config,
      schema: {
        operationId: 'rotateServerKey',
        summary: 'Rotate Server Key',
        description:
          'Gives a server key a new value, **shown only now**; the old one works for `grace_seconds` more, at most 30 days. The key of a person is refused: only its owner may have its value.',
        tags,
        params,
        body: ref(rotateKeySchema),
        response: { 200: described(keyWithValueSchema, 'The key with its new value.'), ...changeErrors },
      },
    },
    async (request) => {
      const actor = administratorOf(request)
      const { key, value } = await rotateKey(context, actor, request.params.id, request.body)
      return { ...document(key), value }
    },
  )

  app.delete(
    '/admin/api-keys/:id',
    {
      config,
      schema: {
        operationId: 'deleteAnyApiKey',
        summary: 'Delete Any Api Key',
        description:
          'Removes a key for good, a server key with its server user. The ledger keeps what was done.',
        tags,
        params,
        response: { 204: Type.Null({ description: 'The key is gone.' }), ...changeErrors },
      },
    },
    async (request, reply) => {
      await removeKey(context, administratorOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  )

  app.get(
    '/admin/api-keys/:id/quotas',
    {
      config,
      schema: {
        operationId: 'showApiKeyQuotas',
        summary: 'Show Api Key Quotas',
        description: 'The limits of a key and of its owner, and what remains of them now.',
        tags,
        params,
        response: { 200: described(schemas.keyQuotasSchema, 'The counters and limits.'), ...readErrors },
      },
    },
    async (request) => showQuotas(context, request.params.id),
  )

  app.delete(
    '/admin/api-keys/:id/quotas',
    {
      config,
      schema: {
        operationId: 'resetApiKeyQuotas',
        summary: 'Reset Api Key Quotas',
        description: 'Begins the counters of a key anew; those over all keys of its owner go on.',
        tags,
        params,
        response: { 204: Type.Null({ description: 'The counters are at zero.' }), ...changeErrors },
      },
    },
    async (request, reply) => {
      await resetQuotas(context, administratorOf(request), request.params.id)
      return reply.code(204).send(null)
    },
  )
}
