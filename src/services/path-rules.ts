import { foldPath } from './match.js'

/** Some paths below the prefix of a service. */
export interface PathRules {
  /**
   * Whether a path is one of them, and so is each of its readings. Readings without capitals are compared without case.
   * @param path with the prefix, normalised
   * @param readings the other ways to read it, each of which has as many segments of the prefix
   */
  allow(path: string, readings: readonly string[]): 'allowed' | 'ambiguous' | 'other'
}

/**
 * Compiles rules such as `/docs` (this path) and `/static/*` (what lies below it).
 * @param depth segments of the service's prefix, which the rules do not name
 */
export function compilePathRules(rules: readonly string[], depth: number): PathRules {
  if (rules.length === 0) return allowsNothing
  const matches = compile(rules)
  const matchesFolded = compile(rules.map(foldPath))
  return {
    allow: (path, readings) => {
      if (!matches(cutPrefix(path, depth))) return 'other'
      const agree = readings.every((reading) => {
        const below = cutPrefix(reading, depth)
        // A server that folds case sees no capitals. To one that does not, `/OPEN` is not `/open`.
        return matches(below) || (below === below.toLowerCase() && matchesFolded(foldPath(below)))
      })
      return agree ? 'allowed' : 'ambiguous'
    },
  }
}

const allowsNothing: PathRules = { allow: () => 'other' }

/** @returns the path below the prefix; `/` for the prefix itself */
function cutPrefix(path: string, depth: number): string {
  let start = 0
  for (let left = depth; left > 0; left -= 1) {
    start = path.indexOf('/', start + 1)
    if (start === -1) return '/'
  }
  return path.slice(start)
}

function compile(rules: readonly string[]): (path: string) => boolean {
  const whole = new Set(rules.filter((rule) => !rule.endsWith('*')))
  const starts = rules.filter((rule) => rule.endsWith('*')).map((rule) => rule.slice(0, -1))
  return (path) => whole.has(path) || starts.some((start) => path.startsWith(start))
}
