import { describe, expect, test } from 'vitest'
import { collections, entries } from '../../examples/stac-catalog/data.js'

const items = entries.map(({ item }) => item)
const crossing = items.filter(({ bbox: [west = 0, , east = 0] }) => west > east)

describe('the records of the example catalogue', () => {
  test('are about four dozen, in three collections, on every side of the globe', () => {
    expect(items).toHaveLength(48)
    expect(collections).toHaveLength(3)
    for (const side of [-1, 1]) {
      expect(items.some(({ bbox }) => Math.sign(bbox[0] ?? 0) === side)).toBe(true)
      expect(items.some(({ bbox }) => Math.sign(bbox[1] ?? 0) === side)).toBe(true)
    }
    expect(crossing.length).toBeGreaterThanOrEqual(3)
  })

  test('have ids that occur once', () => {
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length)
    expect(new Set(collections.map(({ id }) => id)).size).toBe(collections.length)
  })

  test.each(items.map((item) => [item.id, item] as const))('%s is a sound STAC item', (id, item) => {
    const { properties, collection, assets } = item

    expect(item).toMatchObject({ type: 'Feature', stac_version: '1.1.0', links: [] })
    expect(id).toMatch(/^S[123][A-D]_[A-Z0-9]/)
    expect(collections.map((one) => one.id)).toContain(collection)
    expect(properties).toMatchObject({
      platform: `sentinel-${id.slice(1, 3).toLowerCase()}`,
      constellation: `sentinel-${id[1]}`,
      'sat:orbit_state': expect.stringMatching(/^(ascending|descending)$/),
    })
    expect(properties.datetime).toMatch(/^2026-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(id).toContain((properties.start_datetime ?? properties.datetime).slice(0, 10).replaceAll('-', ''))
    if (id[1] !== '1') expect(within(Reflect.get(properties, 'eo:cloud_cover'), 0, 100)).toBe(true)
    if (id[1] === '2') expect(id).toContain(`_T${String(Reflect.get(properties, 'grid:code')).slice(5)}_`)
    expect(Object.values(assets).length).toBeGreaterThanOrEqual(4)
    for (const { href } of Object.values(assets)) expect(href).toMatch(/^https:\/\/eodata\.example\.test\//)
  })

  test.each(entries.map((entry) => [entry.item.id, entry] as const))(
    '%s has a bbox that is the bounds of its geometry',
    (_id, { item, parts }) => {
      const [west = Number.NaN, south, east = Number.NaN, north] = item.bbox
      const [one, other] = parts.map(({ bounds }) => bounds)

      if (west <= east) {
        expect(parts).toHaveLength(1)
        expect(one).toEqual({ west, south, east, north })
        return
      }
      expect(parts).toHaveLength(2)
      expect(one).toMatchObject({ west, east: 180 })
      expect(other).toMatchObject({ west: -180, east })
      expect(Math.min(one?.south ?? 0, other?.south ?? 0)).toBe(south)
      expect(Math.max(one?.north ?? 0, other?.north ?? 0)).toBe(north)
    },
  )

  test('were taken within the time that their collection names', () => {
    for (const { item, taken } of entries) {
      const { extent } = collections.find(({ id }) => id === item.collection) ?? {}
      const [from, to] = extent?.temporal.interval[0] ?? []
      expect(taken.startsAt).toBeGreaterThanOrEqual(Date.parse(from ?? ''))
      expect(taken.endsAt).toBeGreaterThanOrEqual(taken.startsAt)
      expect(to).toBeNull()
    }
  })
})

function within(value: unknown, least: number, most: number) {
  return typeof value === 'number' && value >= least && value <= most
}
