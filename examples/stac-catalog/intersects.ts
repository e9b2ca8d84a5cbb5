import type { Part, Position, Segment } from './geometry.js'

/**
 * Whether two geometries share a point, edges included, on the flat map of longitude and latitude.
 * What crosses the antimeridian must come cut there, as RFC 7946 §3.1.9 asks.
 */
export function intersects(a: readonly Part[], b: readonly Part[]): boolean {
  return a.some((one) => b.some((other) => meet(one, other)))
}

function meet(a: Part, b: Part): boolean {
  if (!boundsMeet(a, b)) return false
  if (a.edges.some((one) => b.edges.some((other) => cross(one, other)))) return true
  // No edge is crossed, so each lies wholly inside the other or wholly outside: one position decides.
  return covers(a, b.edges[0]?.[0]) || covers(b, a.edges[0]?.[0])
}

const boundsMeet = ({ bounds: a }: Part, { bounds: b }: Part) =>
  a.west <= b.east && b.west <= a.east && a.south <= b.north && b.south <= a.north

/** Even-odd over all rings, so that a hole is outside. */
function covers({ isArea, edges }: Part, position: Position | undefined): boolean {
  if (!isArea || position === undefined) return false
  const [x, y] = position
  const crossed = edges.filter(([[x1, y1], [x2, y2]]) => {
    return y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)
  })
  return crossed.length % 2 === 1
}

function cross([a, b]: Segment, [c, d]: Segment): boolean {
  const sideOfA = sideOf(c, d, a)
  const sideOfB = sideOf(c, d, b)
  const sideOfC = sideOf(a, b, c)
  const sideOfD = sideOf(a, b, d)
  if (sideOfA * sideOfB < 0 && sideOfC * sideOfD < 0) return true
  return (
    (sideOfA === 0 && isBetween(c, d, a)) ||
    (sideOfB === 0 && isBetween(c, d, b)) ||
    (sideOfC === 0 && isBetween(a, b, c)) ||
    (sideOfD === 0 && isBetween(a, b, d))
  )
}

/** On which side of the line from `a` to `b` the position lies: -1, 0 (on it) or 1. */
const sideOf = (a: Position, b: Position, at: Position) =>
  Math.sign((b[0] - a[0]) * (at[1] - a[1]) - (b[1] - a[1]) * (at[0] - a[0]))

const isBetween = (a: Position, b: Position, at: Position) =>
  Math.min(a[0], b[0]) <= at[0] &&
  at[0] <= Math.max(a[0], b[0]) &&
  Math.min(a[1], b[1]) <= at[1] &&
  at[1] <= Math.max(a[1], b[1])
