import { hidden } from './shapes.js'

/**
 * Returns a formatter that hides credentials in `headers`: in those of what is logged, and of its members. It copies
 * only what it changes.
 * @param names in lower case
 */
export function createHeaderHider(
  names: readonly string[],
): (logged: Record<string, unknown>) => Record<string, unknown> {
  const hiddenNames = new Set(names)
  const hide = (headers: object) =>
    Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        hiddenNames.has(name.toLowerCase()) ? hidden : value,
      ]),
    )

  return (logged) => {
    let safe = logged
    if (hasHeaders(logged)) safe = { ...logged, headers: hide(logged.headers) }
    for (const name in logged) {
      // Their serialisers leave headers out.
      if (name === 'req' || name === 'res') continue
      const value = logged[name]
      if (!hasHeaders(value)) continue
      if (safe === logged) safe = { ...logged }
      safe[name] = Object.create(value, {
        ...Object.getOwnPropertyDescriptors(value),
        headers: { value: hide(value.headers), enumerable: true },
      })
    }
    return safe
  }
}

const hasHeaders = (value: unknown): value is { headers: object } =>
  typeof value === 'object' &&
  value !== null &&
  typeof Reflect.get(value, 'headers') === 'object' &&
  Reflect.get(value, 'headers') !== null
