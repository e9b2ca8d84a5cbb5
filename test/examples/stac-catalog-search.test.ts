import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { entries } from '../../examples/stac-catalog/data.js'
import { aCatalog, idsOf } from './a-catalog.js'

const allIds = entries.map(({ item }) => item.id)
const fiji = 'S2C_MSIL2A_20260218T223829_N0512_R029_T01KAB_20260219T035225'
const zurich = 'S2B_MSIL2A_20260114T100552_N0512_R108_T32TMT_20260114T132231'
let catalog: Awaited<ReturnType<typeof aCatalog>>

beforeAll(async () => {
  catalog = await aCatalog()
})
afterAll(() => catalog.app.close())

describe('searching', () => {
  const point = (longitude: number, latitude: number) => ({
    type: 'Point',
    coordinates: [longitude, latitude],
  })
  test.each([
    ['a box', { bbox: [8, 47, 9, 47.5] }, [zurich]],
    ['a box with heights', { bbox: [8, 47, -10, 9, 47.5, 4000] }, [zurich]],
    ['a box above every footprint', { bbox: [8, 47, 100, 9, 47.5, 4000] }, []],
    ['a box that is a point', { bbox: [8.5, 47.3, 8.5, 47.3] }, [zurich]],
    [
      'a box across the antimeridian',
      { bbox: [179, -17, -179.8, -16.5], collections: ['sentinel-2-l2a'] },
      [fiji],
    ],
    [
      'the far side of the antimeridian',
      { bbox: [-180, -17, -179.8, -16.5], collections: ['sentinel-2-l2a'] },
      [fiji],
    ],
    ['a box the long way round', { bbox: [-179, -17, 179, -16.5], collections: ['sentinel-2-l2a'] }, []],
    ['the whole world', { bbox: [-180, -90, 180, 90], limit: 100 }, allIds],
    ['an instant', { datetime: '2026-01-14T10:05:52.440Z' }, [zurich]],
    ['the same instant in another zone', { datetime: '2026-01-14t11:05:52.440+01:00' }, [zurich]],
    [
      'an instant inside a three-minute frame',
      { datetime: '2026-01-15T09:15:00Z' },
      [/^S3A_OL_1_EFR____20260115/],
    ],
    ['a closed interval', { datetime: '2026-01-14T00:00:00Z/2026-01-14T23:59:59Z' }, [zurich]],
    ['an interval open at its start', { datetime: '../2026-01-14T23:00:00Z' }, [zurich, /^S1A_IW/]],
    ['an interval open at its end', { datetime: '2026-11-03T00:00:00Z/' }, [/^S1A_IW_GRDH_1SDV_20261103/]],
    ['an interval open at both ends', { datetime: '../..', limit: 100 }, allIds],
    ['ids, wherever they are', { ids: [fiji, zurich, 'nothing'] }, [fiji, zurich]],
    ['ids outside the collection', { ids: [zurich], collections: ['sentinel-1-grd'] }, []],
    ['a collection nobody has', { collections: ['landsat-c2-l2'] }, []],
    ['a point', { intersects: point(8.54, 47.37) }, [zurich]],
    ['a point in no footprint', { intersects: point(-150, 10) }, []],
    [
      'a line through',
      {
        intersects: {
          type: 'LineString',
          coordinates: [
            [8, 40],
            [8, 70],
          ],
        },
        collections: ['sentinel-2-l2a'],
      },
      [zurich],
    ],
    [
      'a polygon inside a footprint',
      {
        intersects: {
          type: 'Polygon',
          coordinates: [
            [
              [8, 47],
              [8.1, 47],
              [8.1, 47.1],
              [8, 47],
            ],
          ],
        },
      },
      [zurich],
    ],
    [
      'a polygon whose hole holds the footprint',
      {
        intersects: {
          type: 'Polygon',
          coordinates: [
            [
              [0, 40],
              [20, 40],
              [20, 60],
              [0, 60],
              [0, 40],
            ],
            [
              [1, 41],
              [1, 59],
              [19, 59],
              [19, 41],
              [1, 41],
            ],
          ],
        },
        ids: [zurich],
      },
      [],
    ],
    [
      'a collection of geometries',
      {
        intersects: {
          type: 'GeometryCollection',
          geometries: [point(8.54, 47.37), { type: 'MultiPoint', coordinates: [[179.9, -16.9]] }],
        },
        ids: [zurich, fiji],
      },
      [fiji, zurich],
    ],
  ])('%s', async (_name, body, expected) => {
    const query = asQuery(body)

    const [posted, got] = [await catalog.search(body), await catalog.get(`/search?${query}`)]

    expect(posted.statusCode).toBe(200)
    expect(idsOf(posted.json())).toEqual(
      expected.map((id) => (typeof id === 'string' ? id : expect.stringMatching(id))),
    )
    expect(idsOf(got.json())).toEqual(idsOf(posted.json()))
  })

  const refused = [
    ['bbox', { bbox: [1, 2, 3] }],
    ['bbox', { bbox: [1, 2, 3, 4, 5] }],
    ['bbox', { bbox: [0, 50, 10, 40] }],
    ['bbox', { bbox: [-181, 0, 0, 10] }],
    ['bbox', { bbox: [0, 0, 10, 90.1] }],
    ['bbox', { bbox: [0, 0, 100, 10, 10, 50] }],
    ['datetime', { datetime: 'yesterday' }],
    ['datetime', { datetime: '2026-03-01' }],
    ['datetime', { datetime: '2026-03-01T00:00:00' }],
    ['datetime', { datetime: '2026-02-30T00:00:00Z' }],
    ['datetime', { datetime: '2026-13-01T00:00:00Z' }],
    ['datetime', { datetime: '2026-03-01T25:00:00Z' }],
    ['datetime', { datetime: '2026-03-01T00:00:00,5Z' }],
    ['datetime', { datetime: '2026-03-02T00:00:00Z/2026-03-01T00:00:00Z' }],
    ['datetime', { datetime: '2026-03-01T00:00:00Z/../..' }],
    ['datetime', { datetime: '/' }],
    ['datetime', { datetime: '..' }],
    ['token', { token: 'nonsense' }],
    ['token', { token: zurich, collections: ['sentinel-1-grd'] }],
    ['intersects', { intersects: { type: 'Circle', coordinates: [0, 0] } }],
    ['intersects', { intersects: { type: 'Point', coordinates: [200, 0] } }],
    ['intersects', { intersects: { type: 'Point' } }],
    [
      'intersects',
      {
        intersects: {
          type: 'Polygon',
          coordinates: [
            [
              [0, 0],
              [1, 0],
              [1, 1],
              [0, 1],
            ],
          ],
        },
      },
    ],
    ['intersects', { intersects: { type: 'LineString', coordinates: Array(2_002).fill([0, 0]) } }],
    [
      'intersects',
      { intersects: { type: 'GeometryCollection', geometries: [{ type: 'GeometryCollection' }] } },
    ],
    ['intersects', { intersects: point(0, 0), bbox: [0, 0, 1, 1] }],
  ] as const
  test.each(refused.map(([path, body]) => [path, JSON.stringify(body).slice(0, 90), body] as const))(
    'a bad %s is refused by its name: %s',
    async (path, _text, body) => {
      const query = asQuery(body)

      for (const response of [await catalog.search(body), await catalog.get(`/search?${query}`)]) {
        expect(response.statusCode).toBe(400)
        expect(response.json()).toMatchObject({
          code: 'validation_failed',
          message: expect.stringMatching(new RegExp(`^${path} must`)),
          errors: [{ path, message: expect.stringMatching(/^must/) }],
        })
      }
    },
  )

  test.each([
    { limit: 0 },
    { limit: '10' },
    { limit: 1.5 },
    { bbox: '1,2,3,4' },
    { bbox: [1, 2, '3', 4] },
    { collections: 'sentinel-2-l2a' },
    { collections: [] },
    { intersects: [8, 47] },
    { sortby: '-datetime' },
    { api_key: 'in the body' },
  ])('a body of the wrong shape is refused: %j', async (body) => {
    expect((await catalog.search(body)).statusCode).toBe(400)
  })

  test.each([
    'limit=0',
    'limit=many',
    'bbox=1,2,,4',
    'bbox=a,b,c,d',
    'bbox=1&bbox=2',
    'ids=',
    'intersects={',
    'intersects=1',
    'token=',
  ])('a query of the wrong shape is refused: %s', async (query) => {
    expect((await catalog.get(`/search?${query}`)).statusCode).toBe(400)
  })

  test('the items of a collection refuse the same faults', async () => {
    for (const query of ['limit=0', 'bbox=1,2,3', 'datetime=never', `token=${fiji}x`]) {
      expect((await catalog.get(`/collections/sentinel-2-l2a/items?${query}`)).statusCode).toBe(400)
    }
  })
})

/** The same search as a query string. */
function asQuery(body: object) {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(body)) {
    const isNested = typeof value === 'object' && !Array.isArray(value)
    query.set(name, isNested ? JSON.stringify(value) : String(value))
  }
  return query
}
