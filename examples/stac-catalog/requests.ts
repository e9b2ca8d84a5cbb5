import Type, { type Static } from 'typebox'

const strict = { additionalProperties: false }

const limit = Type.Optional(
  Type.Integer({ minimum: 1, default: 10, description: 'Items on a page; more than 10,000 means 10,000.' }),
)
const datetime = (...examples: string[]) =>
  Type.Optional(
    Type.String({
      description:
        'An instant or an interval in RFC 3339; `..` is an open end: `2026-06-01T00:00:00Z/..`. Both ends are included.',
      examples,
    }),
  )
const token = Type.Optional(
  Type.String({ minLength: 1, description: 'Where the page begins; comes from a `next` link.' }),
)
const bboxText =
  'West, south, east, north, or with heights: west, south, lowest, east, north, highest. ' +
  'West greater than east crosses the antimeridian.'
const commaSeparated = (description: string, ...examples: string[]) =>
  Type.Optional(
    Type.String({
      description: `${description} Separated by commas.`,
      ...(examples.length === 0 ? {} : { examples }),
    }),
  )

export const collectionParams = Type.Object(
  { collectionId: Type.String({ description: 'The id of a collection.', examples: ['sentinel-2-l2a'] }) },
  strict,
)

export const itemParams = Type.Object(
  {
    ...collectionParams.properties,
    itemId: Type.String({
      description: 'The id of an item.',
      examples: ['S2B_MSIL2A_20260114T100552_N0512_R108_T32TMT_20260114T132231'],
    }),
  },
  strict,
)

export const itemsQuery = Type.Object(
  {
    limit,
    bbox: commaSeparated(bboxText, '-12,34,32,60'),
    datetime: datetime('2026-01-01T00:00:00Z/2026-12-31T23:59:59Z'),
    token,
  },
  strict,
)
export type ItemsQuery = Static<typeof itemsQuery>

export const searchQuery = Type.Object(
  {
    ...itemsQuery.properties,
    collections: commaSeparated('Ids of collections.', 'sentinel-2-l2a,sentinel-3-olci-l1-efr'),
    ids: commaSeparated('Ids of items.'),
    intersects: Type.Optional(
      Type.String({ description: 'A GeoJSON geometry, as JSON text. Not together with `bbox`.' }),
    ),
  },
  strict,
)
export type SearchQuery = Static<typeof searchQuery>

const idList = (description: string) => Type.Optional(Type.Array(Type.String(), { minItems: 1, description }))

export const searchBody = Type.Object(
  {
    limit,
    bbox: Type.Optional(Type.Array(Type.Number(), { description: bboxText })),
    datetime: datetime('2026-06-01T00:00:00Z/..'),
    collections: idList('Ids of collections.'),
    ids: idList('Ids of items.'),
    intersects: Type.Optional(
      Type.Object(
        {
          type: Type.String(),
          coordinates: Type.Optional(Type.Array(Type.Unknown())),
          geometries: Type.Optional(Type.Array(Type.Unknown())),
        },
        {
          // GeoJSON allows foreign members (RFC 7946 §6.1); readGeometry checks the rest.
          additionalProperties: true,
          description: 'A GeoJSON geometry of any type. Not together with `bbox`.',
        },
      ),
    ),
    token,
  },
  {
    ...strict,
    examples: [
      {
        collections: ['sentinel-2-l2a', 'sentinel-3-olci-l1-efr'],
        bbox: [-12, 34, 32, 60],
        datetime: '2026-01-01T00:00:00Z/2026-12-31T23:59:59Z',
        limit: 4,
      },
      { bbox: [175, -45, -175, -10], datetime: '2026-01-01T00:00:00Z/..', limit: 10 },
      { intersects: { type: 'Point', coordinates: [8.54, 47.37] }, limit: 10 },
    ],
  },
)
export type SearchBody = Static<typeof searchBody>
