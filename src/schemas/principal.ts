import Type, { type Static } from 'typebox'
import { freeObject, nullable } from './common.js'
import { ownerKinds } from './enums.js'

export const vias = ['oauth2', 'api-key', 'key-jwt', 'session'] as const

export const principalMembers = {
  subject: Type.String({
    description: 'Stable id at the identity provider; `server:<id>` for a server user.',
  }),
  login: Type.String(),
  name: nullable(Type.String()),
  email: nullable(Type.String()),
  kind: Type.Enum([...ownerKinds]),
  via: Type.Enum([...vias], { description: 'The credential that was used.' }),
  roles: Type.Array(Type.String(), {
    description: 'Rights of the owner: realm roles, `client:role`, `group:/path`.',
  }),
  scopes: Type.Array(Type.String(), { description: 'The rights that this credential may use now.' }),
  attributes: freeObject(),
}

/** Whom a key acts for, as the examples of the document have it. */
export const principalExample = {
  subject: '11111111-1111-4111-8111-111111111111',
  login: 'alice',
  name: 'Alice Liddell',
  email: 'alice@example.test',
  kind: 'user',
  via: 'api-key',
  roles: ['rspy-user', 'latchkey:catalog_read'],
  scopes: ['rspy-user', 'latchkey:catalog_read'],
  attributes: {},
  key_id: 'Zk3vQ9aB',
}

/** Who the caller is, whichever credential was used: the answer of `GET /me`. */
export const meSchema = Type.Object(
  {
    ...principalMembers,
    key_id: Type.Optional(Type.String({ description: 'The API key that was used, if one was.' })),
  },
  {
    $id: 'Me',
    additionalProperties: false,
    examples: [principalExample],
  },
)
export type Me = Static<typeof meSchema>
