import type { ServiceDescriptor } from '../schemas/service.js'
import { trimSlashes } from '../urls.js'
import { isObject, type Json, listOperations, type ServiceDocument } from './check-document.js'

export interface RewriteOptions {
  service: Pick<ServiceDescriptor, 'name' | 'prefix' | 'target' | 'strip_prefix'>
  /** Where the gateway is reached, without a slash at the end. */
  gatewayUrl: string
  /** The schemes of this service's own document: what opens it opens everything behind the gateway. */
  locks: Json
  /** When the document was fetched, where it could not be fetched since, and why; null: it is the current one. */
  stale: { fetchedAt: Date; reason: string } | null
}

/** The document of a service as it holds behind the gateway: asked there, and opened by tokens and API keys. */
export function rewriteDocument(document: ServiceDocument, options: RewriteOptions): Json {
  const { service, gatewayUrl, locks, stale } = options
  const takeItem = createItemReader(document)
  const security = Object.keys(locks).map((name) => ({ [name]: [] }))
  const { security: _security, ...rest } = document
  const paths = Object.entries(document.paths)
    .filter(([path]) => !leavesPrefix.test(path))
    .map(([path, item]) => [path, rewriteItem(takeItem(item), security)])
  return {
    ...rest,
    info: stale === null ? document.info : noteAge(document.info, stale),
    servers: [{ url: gatewayUrl + findServerPath(document.servers, service) }],
    paths: Object.fromEntries(paths),
    components: { ...(isObject(document.components) ? document.components : {}), securitySchemes: locks },
  }
}

/** A segment of dots, as browsers resolve it: what was shown below the prefix would be asked elsewhere. */
const leavesPrefix = /[/\\](\.|%2e){1,2}([/\\?#]|$)/i

// Swagger UI would follow a reference, to servers that nobody has taken out. An operation cannot be one in OpenAPI.
function rewriteItem({ servers: _servers, $ref: _ref, ...item }: Json, security: readonly Json[]): Json {
  const operations = listOperations(item).map(([method, named]) => {
    const { servers: _servers, $ref: _ref, ...operation } = isObject(named) ? named : {}
    return [method, { ...operation, security }]
  })
  return { ...item, ...Object.fromEntries(operations) }
}

/** Puts the items of components where paths refer to them; each once, so that no small document becomes a large one. */
function createItemReader({ components }: ServiceDocument): (item: Json) => Json {
  const shared = isObject(components) && isObject(components.pathItems) ? components.pathItems : {}
  const left = new Map(Object.entries(shared).map(([name, item]) => [`#/components/pathItems/${name}`, item]))
  return (item) => {
    if (typeof item.$ref !== 'string') return item
    const named = left.get(item.$ref)
    left.delete(item.$ref)
    return isObject(named) ? named : {}
  }
}

function noteAge(
  info: ServiceDocument['info'],
  { fetchedAt, reason }: { fetchedAt: Date; reason: string },
): Json {
  const note = `**This is how the service described itself at ${fetchedAt.toISOString()}.** Its document ${reason}.`
  const description = typeof info.description === 'string' ? `${note}\n\n${info.description}` : note
  return { ...info, description }
}

/**
 * The path at the gateway that the document's paths are below. Where the document names the prefix itself, as services
 * do that were told where they are reached, it is not added once more.
 */
function findServerPath(
  servers: unknown,
  { prefix, target, strip_prefix }: RewriteOptions['service'],
): string {
  const base = readBasePath(servers)
  const root = prefix === '/' ? '' : prefix
  const afterPrefix = cutStart(base, root)
  // At the root everything begins with the prefix, and nothing was told by it.
  if (root !== '' && afterPrefix !== null) return root + afterPrefix
  if (!strip_prefix) return base.startsWith(`${root}/`) || base === root ? base : root
  return root + (cutStart(base, trimSlashes(new URL(target).pathname)) ?? '')
}

/** The path of the first server, without a slash at the end; empty where it is the root, or nobody can tell. */
function readBasePath(servers: unknown): string {
  const [server] = Array.isArray(servers) ? servers : []
  if (!isObject(server) || typeof server.url !== 'string') return ''
  const variables = isObject(server.variables) ? server.variables : {}
  const url = server.url.replace(/\{([^{}]*)\}/g, (whole, name: string) => {
    const variable = Object.hasOwn(variables, name) ? variables[name] : null
    return isObject(variable) && typeof variable.default === 'string' ? variable.default : whole
  })
  const anywhere = 'http://service.invalid'
  if (!URL.canParse(url, anywhere)) return ''
  const { pathname } = new URL(url, anywhere)
  return /[{}]|%7[BD]/i.test(pathname) ? '' : trimSlashes(pathname)
}

/** What follows whole segments at the start; null: they are not there. */
function cutStart(path: string, start: string): string | null {
  if (path !== start && !path.startsWith(`${start}/`)) return null
  return path.slice(start.length)
}
