/**
 * Returns `make` with a cache. The JSON text of the input, or of the part that `name` picks, is the cache's key: use
 * it only where the result depends on nothing else. Entries are never dropped, so the inputs must be finite in number.
 */
export function memoizeByText<Input, Result>(
  make: (input: Input) => Result,
  name: (input: Input) => unknown = (input) => input,
): (input: Input) => Result {
  const cache = new Map<string, Result>()
  return (input) => {
    const key = JSON.stringify(name(input))
    const result = cache.get(key) ?? make(input)
    cache.set(key, result)
    return result
  }
}
