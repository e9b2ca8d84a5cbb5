/** More ways than this to read one path are refused: a path that people use has a handful. */
const maxReadings = 64
/** Bounds the work for one request, because a path may be 16 kB long. */
const maxCharacters = 32_768

/**
 * Whether every server reads a path as it is written: no capitals, no escapes, no `;`, no `//`, no segment that ends
 * with a dot. Nearly every path is like this.
 * @param path normalised
 */
export function isPlain(path: string): boolean {
  let before = 0
  for (let at = 0; at < path.length; at += 1) {
    const code = path.charCodeAt(at)
    if (code === percent || code === semicolon || (code >= capitalA && code <= capitalZ)) return false
    if (code === slash && (before === slash || before === dot)) return false
    before = code
  }
  return before !== dot
}

const percent = 0x25
const dot = 0x2e
const slash = 0x2f
const semicolon = 0x3b
const capitalA = 0x41
const capitalZ = 0x5a

/**
 * Lists the other ways in which servers read a path: Express folds case, nginx and Apache merge slashes, Tomcat and
 * Jetty cut `;…` off, others decode `%2F`, decode twice, or drop dots and spaces at the end of a name. Each reading is
 * read again, until nothing new comes.
 * @param path normalised
 * @param depth segments that belong to the prefix of the service. Default 0
 * @returns without the path itself; null for a path with more than 64 readings, or with one that leaves the prefix
 */
export function listReadings(path: string, depth = 0): readonly string[] | null {
  if (isPlain(path)) return none
  const readings = new Set([path])
  let characters = path.length
  // A set is walked in the order of insertion, members that are added on the way included.
  for (const reading of readings) {
    for (const step of steps) {
      const next = step(reading, depth)
      if (next === null) return null
      if (readings.has(next)) continue
      characters += next.length
      if (readings.size >= maxReadings || characters > maxCharacters) return null
      readings.add(next)
    }
  }
  readings.delete(path)
  return [...readings]
}

const none: readonly string[] = Object.freeze([])

type Step = (path: string, depth: number) => string | null

const steps: readonly Step[] = [
  foldCase,
  (path) => (path.includes('//') ? path.replace(/\/+/g, '/') : path),
  (path) => (path.includes(';') ? path.replace(/;[^/]*/g, '') : path),
  (path) => (path.includes('%') ? path.replace(/%2f/gi, '/') : path),
  (path) => (path.includes('%') || path.includes('\\') ? path.replace(/%5c|\\/gi, '/') : path),
  (path) => (path.includes('%') ? path.replace(escapes, decode) : path),
  (path) => (path.includes('.') || path.includes(' ') ? path.split('/').map(dropEnd).join('/') : path),
  resolveDotSegments,
]

/** Folds by capitals first, because some letters have a plain one only that way: the long s, the dotless i. */
function foldCase(path: string): string {
  return path.toUpperCase().toLowerCase()
}

const escapes = /(?:%[0-9A-Fa-f]{2})+/g

const decode = (run: string) => Buffer.from(run.replaceAll('%', ''), 'hex').toString()

/** Windows opens `admin. .` as `admin`. */
function dropEnd(segment: string): string {
  let end = segment.length
  while (end > 0 && (segment[end - 1] === '.' || segment[end - 1] === ' ')) end -= 1
  return segment.slice(0, end)
}

/** @returns null for a path that leads above the prefix of its service, and so to what another one guards */
function resolveDotSegments(path: string, depth: number): string | null {
  if (!path.includes('/.')) return path
  const segments = path.split('/').slice(1)
  const kept: string[] = []
  for (const segment of segments) {
    if (segment === '..') {
      if (kept.length <= depth) return null
      kept.pop()
    } else if (segment !== '.') kept.push(segment)
  }
  const last = segments.at(-1)
  if (last === '.' || last === '..') kept.push('')
  return `/${kept.join('/')}`
}
