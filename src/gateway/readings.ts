import { resolveDotSegments } from './path.js'

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
const space = 0x20
const del = 0x7f

/**
 * Lists the other ways in which servers read a path: Express folds case, nginx and Apache merge slashes, Tomcat and
 * Jetty cut `;…` off, others decode `%2F`, decode twice, drop dots and spaces at the end of a name, or take what follows
 * `//` for a host. Each reading is read again, until nothing new comes.
 * @param path normalised
 * @param options.depth segments that belong to the prefix of the service. Default 0
 * @param options.decisive segments that decide about a path: what lies behind is left out of the readings where it cannot
 * lead back. Default: all
 * @returns without the path itself; null for a path with more than 64 readings, with one that leaves the prefix, and
 * with one that C programs or Python's `$` end early: at a control character, or an overlong escape; and for one whose
 * bytes and escapes make different characters, depending on how often a server decodes them
 */
export function listReadings(
  path: string,
  { depth = 0, decisive = Number.POSITIVE_INFINITY }: { depth?: number; decisive?: number } = {},
): readonly string[] | null {
  if (isPlain(path)) return none
  const plain = decodeAll(path)
  if (plain === null || hasControl(plain)) return null
  const start = dotsBehindSlash.test(plain) ? path : cutBehind(path, decisive)
  const readings = new Set([start])
  let characters = start.length
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
  if (start === path) readings.delete(path)
  return [...readings]
}

/**
 * Decodes until nothing is left to decode.
 * @returns null for a path that takes longer, has escapes of old servers, or mixes bytes of one character with escapes
 */
function decodeAll(path: string): string | null {
  let plain = path
  for (let pass = 0; pass < maxDecodings; pass += 1) {
    if (oldEscape.test(plain)) return null
    const decoded = decodeOnce(plain)
    if (decoded === plain) return plain.replaceAll('\\', '/')
    // A server that decodes bytes may make a character of a lost byte and of one that is still escaped.
    if (decoded.includes(lostByte) && anyEscape.test(decoded)) return null
    plain = decoded
  }
  return null
}

const maxDecodings = 64
/** Old servers take overlong UTF-8 such as `%C0%AE` for a dot, and IIS takes `%u002e` for one. */
const oldEscape = /%(C[01]%[89AB]|E0%[89]|F0%8|F8%8[0-7]|FC%8[0-3]|u[0-9A-F]{4})/i
const anyEscape = /%[0-9A-F]{2}/i
/** What our decoding makes of bytes that are no UTF-8. */
const lostByte = '\ufffd'

/** What may lead back to the segments in front, also where a server trims the spaces. */
const dotsBehindSlash = /\/ *\./

function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code < space || code === del) return true
  }
  return false
}

/**
 * Cuts off what lies behind the first segments that no reading makes go away: those that begin with a letter, a digit,
 * a hyphen or a character beyond ASCII, and follow the prefix or another of these. No reading has anything else in its
 * first segments.
 */
function cutBehind(path: string, decisive: number): string {
  let start = 0
  let isBehindStaying = true
  for (let left = decisive; left > 0; ) {
    const next = path.indexOf('/', start + 1)
    if (next === -1) return path
    const stays = staying.test(path.slice(start + 1, start + 3))
    // Behind an empty segment it may be read as a host.
    if (stays && isBehindStaying) left -= 1
    isBehindStaying = stays
    start = next
  }
  return path.slice(0, start)
}

const staying = /^([A-Za-z0-9_-]|%[89A-F])/

const none: readonly string[] = Object.freeze([])

type Step = (path: string, depth: number) => string | null

const steps: readonly Step[] = [
  foldCase,
  (path) => (path.includes('//') ? path.replace(/\/+/g, '/') : path),
  (path, depth) => (path.includes('//') ? cutHost(path, depth) : path),
  (path) => (path.includes(';') ? path.replace(/;[^/]*/g, '') : path),
  cutQuery,
  (path) => (path.includes('%') ? path.replace(/%2f/gi, '/') : path),
  (path) => (path.includes('%') || path.includes('\\') ? path.replace(/%5c|\\/gi, '/') : path),
  decodeOnce,
  (path) => (path.includes('.') || path.includes(' ') ? path.split('/').map(dropEnd).join('/') : path),
  (path) => (path.includes(' ') ? path.split('/').map(trimSpaces).join('/') : path),
  resolveDotSegments,
]

/**
 * Folds by capitals first, because some letters have a plain one only that way: the long s, the dotless i. Java folds
 * the dotted I to `i`, JavaScript to two characters.
 */
function foldCase(path: string): string {
  return path.replaceAll('\u0130', 'i').toUpperCase().toLowerCase()
}

/**
 * Cuts off what a URL parser takes for a host where the service sees a path that begins with `//`: `new URL` in
 * JavaScript, `urlparse` in Python, `parse_url` in PHP (RFC 3986 §4.2).
 */
function cutHost(path: string, depth: number): string {
  let start = 0
  for (let left = depth; left > 0 && start !== -1; left -= 1) start = path.indexOf('/', start + 1)
  if (start === -1 || path.charCodeAt(start + 1) !== slash) return path
  let host = start
  while (path.charCodeAt(host) === slash) host += 1
  const end = path.indexOf('/', host)
  return path.slice(0, start) + (end === -1 ? '/' : path.slice(end))
}

function cutQuery(path: string): string {
  const start = path.search(/[?#]/)
  return start === -1 ? path : path.slice(0, start)
}

const escapes = /(?:%[0-9A-Fa-f]{2})+/g

function decodeOnce(path: string): string {
  return path.includes('%') ? path.replace(escapes, decodeRun) : path
}

function decodeRun(run: string): string {
  if (run.length > maxShortRun) return decodeBytes(run)
  let text = ''
  for (let at = 1; at < run.length; at += 3) {
    const byte = Number.parseInt(run.slice(at, at + 2), 16)
    if (byte > del) return decodeBytes(run)
    text += String.fromCharCode(byte)
  }
  return text
}

/** A path may have thousands of runs as short as this, and a buffer for each would cost more than all else. */
const maxShortRun = 30
const decodeBytes = (run: string) => Buffer.from(run.replaceAll('%', ''), 'hex').toString()

/** Windows opens `admin. .` as `admin`. */
function dropEnd(segment: string): string {
  let end = segment.length
  while (end > 0 && (segment[end - 1] === '.' || segment[end - 1] === ' ')) end -= 1
  return segment.slice(0, end)
}

/** Some programs trim each name, so that `.. ` leads back. */
function trimSpaces(segment: string): string {
  let start = 0
  let end = segment.length
  while (start < end && segment[start] === ' ') start += 1
  while (end > start && segment[end - 1] === ' ') end -= 1
  return segment.slice(start, end)
}
