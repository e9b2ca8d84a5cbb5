/** JSON that would not be kept as it was written. */
export class InexactJson extends Error {
  override readonly name = 'InexactJson'

  /** @param path of the member, joined by dots, or the first ten names of it; empty for the whole */
  constructor(
    readonly path: string,
    message: string,
  ) {
    super(message)
  }
}

interface Level {
  /** Of an object; null: an array. */
  readonly members: Set<string> | null
  /** The member, or the place, that is being read. */
  at: string | number
}

/**
 * Parses JSON, and refuses what `JSON.parse` takes and changes in silence: members that are given twice, and numbers
 * that a double does not hold, such as `1e400`, `9007199254740993` and `-0`. Refuses members that JavaScript could
 * take for a prototype too.
 * @throws SyntaxError for text that is not JSON, InexactJson
 */
export function parseExactJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  requireExact(text)
  return value
}

/**
 * Parses the bytes of a body or a file, which must be UTF-8 (RFC 8259 §8.1); a byte order mark is left out.
 * @throws TypeError for other bytes, and as `parseExactJson`
 */
export const parseExactJsonBytes = (bytes: Uint8Array): unknown =>
  parseExactJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes))

/**
 * @param text that is JSON, so that its tokens alone tell its structure. Read by code units, because strangers may send
 * 64 kB of it.
 */
function requireExact(text: string): void {
  const levels: Level[] = []
  let level: Level | undefined
  let name = ''
  for (let at = 0; at < text.length; ) {
    const unit = text.charCodeAt(at)
    let end = at + 1
    if (unit === quote) {
      end = endOfString(text, end)
      name = text.slice(at, end)
    } else if (unit === colon) nameMember(levels, name)
    else if (unit === comma) {
      if (typeof level?.at === 'number') level.at += 1
    } else if (unit === openBrace || unit === openBracket) {
      level = unit === openBrace ? { members: new Set(), at: '' } : { members: null, at: 0 }
      levels.push(level)
    } else if (unit === closeBrace || unit === closeBracket) {
      levels.pop()
      level = levels.at(-1)
    } else if (unit === minus || isDigit(unit)) {
      while (isInNumber(text.charCodeAt(end))) end += 1
      requireKept(text.slice(at, end), levels)
    }
    at = end
  }
}

function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start)
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end + 1
}

/** Whether an odd number of backslashes stands before this place. */
function isEscaped(text: string, at: number): boolean {
  let first = at
  while (text.charCodeAt(first - 1) === backslash) first -= 1
  return (at - first) % 2 === 1
}

const [quote, backslash, colon, comma, minus, plus, point] = [0x22, 0x5c, 0x3a, 0x2c, 0x2d, 0x2b, 0x2e]
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d]
const [upperE, lowerE] = [0x45, 0x65]
const isDigit = (unit: number) => unit >= 0x30 && unit <= 0x39
const isInNumber = (unit: number) =>
  isDigit(unit) || unit === point || unit === lowerE || unit === upperE || unit === plus || unit === minus

/** @param token the name as it is written, in its quotes */
function nameMember(levels: readonly Level[], token: string): void {
  const name = token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1)
  const level = levels.at(-1)
  const parent = levels.at(-2)
  if (level?.members == null) return
  if (name === '__proto__' || (name === 'prototype' && parent?.at === 'constructor')) {
    throw new InexactJson('', 'it holds a member that could change a prototype')
  }
  level.at = name
  if (level.members.has(name)) throw new InexactJson(pathOf(levels), 'is given twice')
  level.members.add(name)
}

function requireKept(literal: string, levels: readonly Level[]): void {
  if (/^(0|-?[1-9]\d{0,14})$/.test(literal)) return
  const value = Number(literal)
  const isKept =
    Number.isFinite(value) && !Object.is(value, -0) && decimalOf(literal) === decimalOf(String(value))
  if (!isKept) throw new InexactJson(pathOf(levels), 'is a number that would not be kept as it is written')
}

/** Writes a number in one way, as its digits and an exponent, so that equal numbers are equal texts. */
function decimalOf(literal: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? []
  const padded = (whole + fraction).replace(/^0+/, '')
  const digits = trimZeros(padded)
  if (digits === '') return '0'
  return `${sign}${digits}e${Number(exponent) - fraction.length + padded.length - digits.length}`
}

function trimZeros(digits: string): string {
  let end = digits.length
  while (digits[end - 1] === '0') end -= 1
  return digits.slice(0, end)
}

/** Cut short where it is deep: an answer must not be larger than its request. */
const pathOf = (levels: readonly Level[]): string =>
  levels
    .slice(0, 10)
    .map(({ at }) => at)
    .join('.')
