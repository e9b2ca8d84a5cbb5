import { DocumentUnavailable } from './fetch-document.js'

export type Json = { readonly [member: string]: unknown }

/** An OpenAPI document as far as it is relied on; everything else in it is Swagger UI's to read. */
export interface ServiceDocument extends Json {
  readonly openapi: string
  readonly info: Json & { readonly title: string }
  readonly paths: { readonly [path: string]: Json }
}

/** Readers of JSON, that of the browser too, fall over at some depth. */
const maxDepth = 100
const maxOperations = 2_000
export const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']

/**
 * Takes a document that Swagger UI can show, without its references to other documents, which nobody shall be made to
 * fetch: a parameter keeps its name and place where they can be told, all else the address as a text.
 * @throws DocumentUnavailable
 */
export function checkDocument(json: unknown): ServiceDocument {
  if (isTooDeep(json)) throw new DocumentUnavailable(`is nested deeper than ${maxDepth}`)
  const document = asObject(json, 'is no JSON object')
  const version = document.openapi
  if (typeof version !== 'string' || !/^3\.[01]\.\d+$/.test(version)) {
    throw new DocumentUnavailable('is not of OpenAPI 3.0 or 3.1')
  }
  const info = asObject(document.info, 'has no info')
  if (typeof info.title !== 'string') throw new DocumentUnavailable('has no title')
  const members = Object.entries(asObject(document.paths ?? {}, 'has paths that are no object'))
  const paths = members.filter(([name]) => !name.startsWith('x-'))
  for (const [path, item] of paths) {
    if (!path.startsWith('/')) throw new DocumentUnavailable('has a path that does not begin with a slash')
    checkItem(item)
  }
  const count = paths.reduce((sum, [, item]) => sum + listOperations(item as Json).length, 0)
  if (count > maxOperations) throw new DocumentUnavailable(`has more than ${maxOperations} operations`)
  // Every part that is relied on was looked at just above.
  return closeReferences({ ...document, paths: Object.fromEntries(paths) }, []) as ServiceDocument
}

/** The operations of a path, by method. */
export function listOperations(item: Json): [method: string, operation: Json][] {
  return methods.flatMap((method) =>
    Object.hasOwn(item, method) ? [[method, item[method] as Json] as [string, Json]] : [],
  )
}

function checkItem(value: unknown): void {
  const item = asObject(value, 'has a path that is no object')
  for (const [, operation] of listOperations(item)) asObject(operation, 'has an operation that is no object')
}

function asObject(value: unknown, otherwise: string): Json {
  if (isObject(value)) return value
  throw new DocumentUnavailable(otherwise)
}

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function isTooDeep(json: unknown): boolean {
  let level: unknown[] = [json]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) return true
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    )
  }
  return false
}

/** @param place the members that lead here */
function closeReferences(value: unknown, place: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((item) => closeReferences(item, place))
  if (!isObject(value)) return value
  if (isForeign(value.$ref)) return describeForeign(value.$ref, place)
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, closeReferences(member, [...place, name])]),
  )
}

const isForeign = (reference: unknown): reference is string =>
  typeof reference === 'string' && !reference.startsWith('#')

function describeForeign(reference: string, place: readonly string[]): Json {
  const description = `Described at ${reference}, which is not read here.`
  const isParameter = place.at(-1) === 'parameters' || place.at(-2) === 'parameters'
  const name = reference.match(/\/([^/#]+)$/)?.[1]
  if (!isParameter || name === undefined) return { description }
  const isOfPath = place.some((member) => member.includes(`{${name}}`))
  return { name, in: isOfPath ? 'path' : 'query', required: isOfPath, schema: {}, description }
}
