import Type, { type Static } from 'typebox'

// STAC is open: extensions add members at every level, and a closed response schema would drop them.
const open = { additionalProperties: true }

const stacVersion = Type.Literal('1.1.0')
const bounds = Type.Array(Type.Number(), {
  description: 'West, south, east, north; west is greater than east across the antimeridian.',
  examples: [[7.662865, 46.858176, 9.13047, 47.853628]],
})

export const linkSchema = Type.Object(
  {
    rel: Type.String({ examples: ['self'] }),
    href: Type.String({ examples: ['http://127.0.0.1:3000/catalog'] }),
    type: Type.Optional(Type.String({ examples: ['application/json'] })),
    title: Type.Optional(Type.String()),
    method: Type.Optional(Type.String({ description: 'How to follow it; GET when absent.' })),
    body: Type.Optional(Type.Object({}, { ...open, description: 'What to send when following it.' })),
    merge: Type.Optional(Type.Boolean({ description: 'Whether to merge `body` into the body sent before.' })),
  },
  open,
)
export type Link = Static<typeof linkSchema>

const geometrySchema = Type.Object(
  { type: Type.String({ examples: ['Polygon'] }), coordinates: Type.Array(Type.Unknown()) },
  { ...open, description: 'GeoJSON; cut in two at the antimeridian.' },
)

const assetSchema = Type.Object(
  {
    href: Type.String({ description: 'Where the file would be: the records are invented.' }),
    type: Type.Optional(Type.String()),
    title: Type.Optional(Type.String()),
    roles: Type.Optional(Type.Array(Type.String())),
  },
  open,
)

export const itemSchema = Type.Object(
  {
    type: Type.Literal('Feature'),
    stac_version: stacVersion,
    stac_extensions: Type.Array(Type.String()),
    id: Type.String({ examples: ['S2B_MSIL2A_20260114T100552_N0512_R108_T32TMT_20260114T132231'] }),
    collection: Type.String({ examples: ['sentinel-2-l2a'] }),
    bbox: bounds,
    geometry: geometrySchema,
    properties: Type.Object(
      {
        datetime: Type.String({ format: 'date-time', examples: ['2026-01-14T10:05:52.440Z'] }),
        start_datetime: Type.Optional(Type.String({ format: 'date-time' })),
        end_datetime: Type.Optional(Type.String({ format: 'date-time' })),
      },
      open,
    ),
    links: Type.Array(linkSchema),
    assets: Type.Record(Type.String(), assetSchema),
  },
  { ...open, description: 'One product (STAC Item).' },
)
export type Item = Static<typeof itemSchema>

export const itemCollectionSchema = Type.Object(
  {
    type: Type.Literal('FeatureCollection'),
    features: Type.Array(itemSchema),
    links: Type.Array(linkSchema),
    numberMatched: Type.Integer({ description: 'How many items match, over all pages.', examples: [18] }),
    numberReturned: Type.Integer({ description: 'How many of them are on this page.', examples: [10] }),
  },
  { ...open, description: 'One page of items; follow the `next` link for more (STAC ItemCollection).' },
)
export type ItemCollection = Static<typeof itemCollectionSchema>

export const collectionSchema = Type.Object(
  {
    type: Type.Literal('Collection'),
    stac_version: stacVersion,
    id: Type.String({ examples: ['sentinel-2-l2a'] }),
    title: Type.String({ examples: ['Sentinel-2 Level-2A'] }),
    description: Type.String(),
    license: Type.String({ examples: ['CC0-1.0'] }),
    extent: Type.Object(
      {
        spatial: Type.Object({ bbox: Type.Array(bounds) }, open),
        temporal: Type.Object(
          {
            interval: Type.Array(
              Type.Array(Type.Union([Type.String(), Type.Null()]), {
                description: 'First and last instant; null is open.',
                examples: [['2026-01-01T00:00:00Z', null]],
              }),
            ),
          },
          open,
        ),
      },
      open,
    ),
    links: Type.Array(linkSchema),
  },
  { ...open, description: 'The products of one kind (STAC Collection).' },
)
export type Collection = Static<typeof collectionSchema>

export const collectionsSchema = Type.Object(
  { collections: Type.Array(collectionSchema), links: Type.Array(linkSchema) },
  open,
)

const conformsTo = Type.Array(Type.String(), {
  description: 'The conformance classes that the catalogue implements.',
  examples: [['https://api.stacspec.org/v1.0.0/core', 'https://api.stacspec.org/v1.0.0/item-search']],
})

export const conformanceSchema = Type.Object({ conformsTo }, open)

export const landingSchema = Type.Object(
  {
    type: Type.Literal('Catalog'),
    stac_version: stacVersion,
    id: Type.String({ examples: ['latchkey-example'] }),
    title: Type.String({ examples: ['Latchkey example catalogue'] }),
    description: Type.String(),
    conformsTo,
    links: Type.Array(linkSchema),
  },
  { ...open, description: 'Where a client starts (STAC Catalog).' },
)

export const problemSchema = Type.Object(
  {
    type: Type.String({ examples: ['urn:latchkey:problem:validation_failed'] }),
    title: Type.String({ examples: ['Validation failed'] }),
    status: Type.Integer({ examples: [400] }),
    detail: Type.String({ examples: ['bbox must have 4 or 6 numbers'] }),
    code: Type.String({ examples: ['validation_failed'] }),
  },
  { ...open, description: 'What went wrong (RFC 9457).' },
)

const problem = { 'application/problem+json': { schema: problemSchema } }

export const badRequest = {
  description: 'A parameter or the body is invalid; `errors` tells which.',
  content: problem,
}
export const notFound = { description: 'There is no such collection or item.', content: problem }
