import type { InvalidMember } from '../problems/input-faults.js'
import {
  type DeclaredBy,
  descriptorDefaults,
  type ServiceDescriptor,
  type UpdateService,
} from '../schemas/service.js'
import type { JsonObject } from '../store/keys.js'
import type { NewService } from '../store/services.js'
import { trimSlashes } from '../urls.js'
import { foldPath } from './match.js'
import type { TargetPolicy } from './types.js'

type Stored = Pick<NewService, 'id' | 'groupId' | 'prefix'> & { settings: unknown }

/** The descriptor that was stored; a member that an older release did not know has its default. */
export function readDescriptor({ id, groupId, prefix, settings }: Stored): ServiceDescriptor {
  // Stored by `writeDescriptor` alone.
  const { name, target, ...others } = settings as Omit<ServiceDescriptor, 'id' | 'group' | 'prefix'>
  return { id, name, group: groupId, prefix, target, ...descriptorDefaults, ...others }
}

/** What is stored of a descriptor. */
export function writeDescriptor(descriptor: ServiceDescriptor): Stored & { settings: JsonObject } {
  const { id, group, prefix, ...settings } = descriptor
  return { id, groupId: group, prefix, settings }
}

/** The descriptor with those members that are named, also within `access` and `accept`. */
export function changeDescriptor(
  descriptor: ServiceDescriptor,
  { access, accept, ...changes }: UpdateService,
): ServiceDescriptor {
  return {
    ...descriptor,
    ...changes,
    access: { ...descriptor.access, ...access },
    accept: { ...descriptor.accept, ...accept },
  }
}

/**
 * Checks what the schema cannot say.
 * @returns the descriptor with its target written as the gateway takes it, without a slash at the end; or its faults
 */
export function checkDescriptor(descriptor: ServiceDescriptor): {
  descriptor: ServiceDescriptor
  faults: InvalidMember[]
} {
  const target = readUrl(descriptor.target)
  if (target === null) return { descriptor, faults: [{ path: 'target', message: mustBeUrl }] }
  const faults: InvalidMember[] = []
  if (isTaken(descriptor.prefix)) faults.push({ path: 'prefix', message: mustNotBeTaken })
  faults.push(...findBadRules('public_paths', descriptor), ...findBadRules('safe_posts', descriptor))
  if (target.search + target.hash !== '') {
    faults.push({ path: 'target', message: 'must have neither a query nor a fragment' })
  }
  if (!isDocumentUrl(descriptor.openapi_url, target)) {
    faults.push({ path: 'openapi_url', message: `${mustBeUrl}, or a path of the target` })
  }
  return {
    descriptor: { ...descriptor, target: target.origin + trimSlashes(target.pathname) },
    faults,
  }
}

/**
 * Finds members whose hosts may not be called. Looks names up, so it is no part of a transaction.
 * @param descriptor whose members that are no URL of a host have faults of their own
 */
export async function findForbiddenTargets(
  descriptor: Pick<UpdateService, 'target' | 'openapi_url'>,
  policy: TargetPolicy,
  declaredBy: DeclaredBy,
): Promise<InvalidMember[]> {
  const faults: InvalidMember[] = []
  for (const path of ['target', 'openapi_url'] as const) {
    const url = readUrl(descriptor[path] ?? '')
    const message = url === null ? null : await policy.findFault(url, declaredBy)
    if (message !== null) faults.push({ path, message })
  }
  return faults
}

/** What the gateway has for itself: the paths of links. */
const isTaken = (prefix: string) => `${foldPath(prefix)}/`.startsWith('/k/')
const mustNotBeTaken = 'must not be /k or lie below it: links are there'

/** `/` alone, or names without a dot at their end; then `/`, or `/*` for what lies below. */
const pathRule = /^(\/|(\/\.?[^/.*]+(\.[^/.*]+)*)+(\/\*?)?)$/
const mustBeRule =
  'must be a path of whole segments, without .. and dots at the end of a name, with * only as its last'

const findBadRules = (
  member: 'public_paths' | 'safe_posts',
  descriptor: ServiceDescriptor,
): InvalidMember[] =>
  descriptor[member].flatMap((rule, at) =>
    pathRule.test(rule) ? [] : [{ path: `${member}.${at}`, message: mustBeRule }],
  )

const mustBeUrl = 'must be an http or https URL without credentials'

function readUrl(text: string): URL | null {
  if (!URL.canParse(text)) return null
  const url = new URL(text)
  return /^https?:$/.test(url.protocol) && url.username + url.password === '' ? url : null
}

function isDocumentUrl(text: string | null, target: URL): boolean {
  if (text === null) return true
  if (!text.startsWith('/')) return readUrl(text) !== null
  // `//host` and `/\host` are other hosts.
  return URL.canParse(text, target.href) && new URL(text, target).origin === target.origin
}
