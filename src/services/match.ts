/** Of a segment of prefixes: what is registered there, and the segments below. */
interface Branch<T> {
  entry: T | null
  branches: Map<string, Branch<T>>
}

/** Finds the entry whose prefix is the longest of a path. */
export type MatchPrefix<T> = (path: string) => T | null

/**
 * Compiles prefixes into one walk over the whole segments of a path, as deep as the deepest prefix and no deeper,
 * however long the path is.
 * @param entries by their prefix, which is `/` or has no slash at its end
 */
export const compilePrefixes = <T>(entries: Iterable<readonly [prefix: string, entry: T]>): MatchPrefix<T> =>
  compile(entries, asItIs)

/**
 * Compiles prefixes as a server may read them that folds case and drops dots at the end of a name. Of two prefixes
 * that fold to one, neither is found.
 */
export const compileFoldedPrefixes = <T>(
  entries: Iterable<readonly [prefix: string, entry: T]>,
): MatchPrefix<T> => compile(entries, foldSegment)

const asItIs = (segment: string) => segment

function foldSegment(segment: string): string {
  let end = segment.length
  while (end > 0 && segment[end - 1] === '.') end -= 1
  return segment.slice(0, end).toLowerCase()
}

/** @param prefix `/`, or without a slash at its end */
export const countSegments = (prefix: string): number => (prefix === '/' ? 0 : prefix.split('/').length - 1)

/** How a path or prefix reads to a server that folds case and drops dots at the end of a name. */
export const foldPath = (path: string): string => path.split('/').map(foldSegment).join('/')

function compile<T>(
  entries: Iterable<readonly [prefix: string, entry: T]>,
  fold: (segment: string) => string,
): MatchPrefix<T> {
  const root: Branch<T> = { entry: null, branches: new Map() }
  const taken = new Set<Branch<T>>()
  for (const [prefix, entry] of entries) {
    let branch = root
    for (const segment of prefix === '/' ? [] : prefix.slice(1).split('/'))
      branch = grow(branch, fold(segment))
    branch.entry = taken.has(branch) ? null : entry
    taken.add(branch)
  }

  return (path) => {
    if (path.charCodeAt(0) !== slash) return null
    let branch = root
    let found = root.entry
    for (let start = 1; branch.branches.size > 0 && start <= path.length; ) {
      const next = path.indexOf('/', start)
      const end = next === -1 ? path.length : next
      const below = branch.branches.get(fold(path.slice(start, end)))
      if (below === undefined) break
      branch = below
      found = branch.entry ?? found
      start = end + 1
    }
    return found
  }
}

const slash = 47

function grow<T>({ branches }: Branch<T>, segment: string): Branch<T> {
  const known = branches.get(segment)
  if (known !== undefined) return known
  const branch: Branch<T> = { entry: null, branches: new Map() }
  branches.set(segment, branch)
  return branch
}
