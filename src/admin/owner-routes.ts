import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { administratorOf } from '../audit/actor.js'
import { asDocument } from '../keys/document.js'
import { listKeyPage } from '../keys/list.js'
import { Problem } from '../problems/problem.js'
import * as schemas from '../schemas/admin.js'
import { described, ref } from '../schemas/common.js'
import { keyPageSchema, listKeysSchema } from '../schemas/key.js'
import { findOwner } from '../store/owners.js'
import type { AdminContext } from './context.js'
import { setOwnerLimits, showOwnerLimits } from './owner-limits.js'
import { revokeAllKeys } from './revoke-all.js'
import { byAdministrator, changeErrors, readErrors, tags } from './route-defaults.js'

const config = { access: byAdministrator }
const params = schemas.subjectParametersSchema

/** What concerns all keys of one owner. */
export const ownerAdministration: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  app.get(
    '/admin/users/:subject/api-keys',
    {
      config,
      schema: {
        operationId: 'listApiKeysOfUser',
        summary: 'List Api Keys Of User',
        description: 'The keys of one person, newest first; never a value.',
        tags,
        params,
        querystring: listKeysSchema,
        response: { 200: described(keyPageSchema, 'A page of keys.'), ...readErrors },
      },
    },
    async (request) => {
      const { subject } = request.params
      const owner = await findOwner(context.db, subject)
      if (owner?.kind !== 'user') throw new Problem('not_found')
      const page = await listKeyPage(context, { ownerSubject: subject }, request.query)
      return { items: page.keys.map((key) => asDocument(key, page.now)), next_cursor: page.nextCursor }
    },
  )

  app.post(
    '/admin/users/:subject/api-keys/revoke',
    {
      config,
      schema: {
        operationId: 'revokeApiKeysOfUser',
        summary: 'Revoke Api Keys Of User',
        description: 'Ends all keys of a person at once; they cannot renew any of them.',
        tags,
        params,
        body: ref(schemas.revokeAllKeysSchema),
        response: { 200: described(schemas.revokedKeysSchema, 'What was revoked.'), ...changeErrors },
      },
    },
    async (request) => ({
      revoked: await revokeAllKeys(context, administratorOf(request), request.params.subject),
    }),
  )

  app.get(
    '/admin/owners/:subject/limits',
    {
      config,
      schema: {
        operationId: 'showOwnerLimits',
        summary: 'Show Owner Limits',
        description: 'Limits over the calls with all keys of an owner.',
        tags,
        params,
        response: { 200: described(schemas.ownerLimitsSchema, 'The limits.'), ...readErrors },
      },
    },
    async (request) => showOwnerLimits(context, request.params.subject),
  )

  app.put(
    '/admin/owners/:subject/limits',
    {
      config,
      schema: {
        operationId: 'setOwnerLimits',
        summary: 'Set Owner Limits',
        description:
          'Sets all limits over the calls with all keys of an owner; what is left out is unlimited. Calls with OAuth2 tokens count too where the setting LIMIT_TOKENS says so, but for those that manage keys.',
        tags,
        params,
        body: ref(schemas.setOwnerLimitsSchema),
        response: {
          200: described(schemas.ownerLimitsSchema, 'The limits as they are now.'),
          ...changeErrors,
        },
      },
    },
    async (request) =>
      setOwnerLimits(context, administratorOf(request), request.params.subject, request.body),
  )
}
