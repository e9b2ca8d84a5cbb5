import { refuse } from './errors.js'

export type Position = readonly [longitude: number, latitude: number]
export type Segment = readonly [Position, Position]

/** A piece of a geometry: its edges, and whether they enclose an area. A point is one edge of no length. */
export interface Part {
  readonly isArea: boolean
  readonly edges: readonly Segment[]
  readonly bounds: { west: number; south: number; east: number; north: number }
}

const geometryTypes = [
  'Point',
  'MultiPoint',
  'LineString',
  'MultiLineString',
  'Polygon',
  'MultiPolygon',
  'GeometryCollection',
] as const
type GeometryType = (typeof geometryTypes)[number]

// Every position is held against every footprint, so the caller's share of the work has a bound.
const maxPositions = 2_000

/**
 * Reads a GeoJSON geometry (RFC 7946 §3.1) into its parts.
 * @param path names the input in the refusal
 * @throws CatalogError 400
 */
export function readGeometry(value: unknown, path: string): Part[] {
  const parts = readMembers(value, path, true)
  const size = parts.reduce((sum, { edges }) => sum + edges.length, 0)
  if (size > maxPositions) refuse(path, `must have at most ${maxPositions} positions`)
  return parts
}

function readMembers(value: unknown, path: string, mayCollect: boolean): Part[] {
  if (typeof value !== 'object' || value === null) refuse(path, 'must be a GeoJSON geometry')
  const { type, coordinates, geometries } = value as Record<string, unknown>
  switch (type as GeometryType) {
    case 'Point':
      return [partOf([[readPosition(coordinates, path)]], false)]
    case 'MultiPoint':
      return readList(coordinates, path).map((at) => partOf([[readPosition(at, path)]], false))
    case 'LineString':
      return [partOf([readLine(coordinates, path, 2)], false)]
    case 'MultiLineString':
      return readList(coordinates, path).map((line) => partOf([readLine(line, path, 2)], false))
    case 'Polygon':
      return [readPolygon(coordinates, path)]
    case 'MultiPolygon':
      return readList(coordinates, path).map((polygon) => readPolygon(polygon, path))
    case 'GeometryCollection':
      // RFC 7946 §3.1.8 advises against nesting; refused, because it could be nested deeper than our stack.
      if (!mayCollect) refuse(path, 'must not nest a GeometryCollection in another')
      return readList(geometries, path).flatMap((member) => readMembers(member, path, false))
    default:
      return refuse(path, `must be a GeoJSON geometry: its type one of ${geometryTypes.join(', ')}`)
  }
}

function readList(value: unknown, path: string, least = 1): unknown[] {
  if (!Array.isArray(value) || value.length < least) {
    refuse(path, `must hold at least ${least} of what its type asks for`)
  }
  return value
}

function readLine(value: unknown, path: string, least: number) {
  return readList(value, path, least).map((at) => readPosition(at, path))
}

function readPolygon(value: unknown, path: string): Part {
  const rings = readList(value, path).map((ring) => readLine(ring, path, 4))
  if (rings.some((ring) => !isSame(ring[0], ring.at(-1)))) refuse(path, 'must have closed rings')
  return partOf(rings, true)
}

/** Every height is dropped: the footprints are flat. */
function readPosition(value: unknown, path: string): Position {
  const [longitude, latitude] = readList(value, path, 2)
  if (!isWithin(longitude, 180) || !isWithin(latitude, 90)) {
    refuse(path, 'must have positions of longitude -180 to 180 and latitude -90 to 90')
  }
  return [longitude, latitude]
}

export const isWithin = (value: unknown, bound: number): value is number =>
  typeof value === 'number' && Math.abs(value) <= bound

const isSame = (a: Position | undefined, b: Position | undefined) => a?.[0] === b?.[0] && a?.[1] === b?.[1]

/** Puts the lines of a path, or the rings of a polygon, into the form that is compared. */
export function partOf(lines: readonly (readonly Position[])[], isArea: boolean): Part {
  const longitudes = lines.flatMap((line) => line.map(([longitude]) => longitude))
  const latitudes = lines.flatMap((line) => line.map(([, latitude]) => latitude))
  const bounds = {
    west: Math.min(...longitudes),
    south: Math.min(...latitudes),
    east: Math.max(...longitudes),
    north: Math.max(...latitudes),
  }
  return { isArea, edges: lines.flatMap(edgesOf), bounds }
}

function edgesOf(line: readonly Position[]): Segment[] {
  const [first, ...rest] = line
  if (first === undefined) return []
  if (rest.length === 0) return [[first, first]]
  return rest.map((to, before) => [line[before] ?? first, to])
}
