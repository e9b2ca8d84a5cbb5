import { InvalidArgumentError } from 'commander'

/** Reads an option that is a JSON object. @throws InvalidArgumentError for anything else */
export function parseObject(text: string): Record<string, unknown> {
  const value = parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidArgumentError('It is a JSON object, such as \'{"project":"demo"}\'.')
  }
  return value as Record<string, unknown>
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
