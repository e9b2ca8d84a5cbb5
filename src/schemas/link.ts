import Type, { type Static } from 'typebox'
import { address, instant } from './common.js'

export const maxLinkSeconds = 86_400

export const createLinkSchema = Type.Object(
  {
    path: Type.String({
      maxLength: 2000,
      ...address,
      // What RFC 3986 §3.3 lets stand in a path: clients would encode anything else, and miss what the link opens.
      pattern: "^/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*$",
      description:
        'What the link opens, with all that lies below: a path at the gateway, percent-encoded as in a URL, without a query.',
      examples: ['/auxip/scenes/S2A.tif'],
    }),
    expires_in: Type.Integer({
      default: 3600,
      minimum: 1,
      maximum: maxLinkSeconds,
      description: 'Seconds that it lives; never longer than the key.',
    }),
  },
  {
    $id: 'CreateLink',
    additionalProperties: false,
    required: ['path'],
    examples: [{ path: '/auxip/scenes/S2A.tif', expires_in: 3600 }],
  },
)
export type CreateLink = Static<typeof createLinkSchema>

/** A link; the token in its URL is kept nowhere. */
export const linkSchema = Type.Object(
  {
    url: Type.String({
      description: 'Whoever has it may use it: as secret as a key, for as long as it lives.',
    }),
    path: Type.String({ description: 'As the gateway reads it.' }),
    expires_at: instant('When it ends, if its key does not end before.'),
  },
  {
    $id: 'Link',
    additionalProperties: false,
    description: 'A URL that opens one path with a key.',
    examples: [
      {
        url: 'https://gateway.example.org/k/eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJaazN2UTlhQiJ9.c2ln/auxip/scenes/S2A.tif',
        path: '/auxip/scenes/S2A.tif',
        expires_at: '2026-11-21T10:30:00.000Z',
      },
    ],
  },
)
export type LinkDocument = Static<typeof linkSchema>

export const linkSchemas = [createLinkSchema, linkSchema]
