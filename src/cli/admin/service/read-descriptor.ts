import type { UpdateService } from '../../../schemas/service.js'
import type { CommandContext } from '../../context.js'
import { CommandFailed, exitCodes } from '../../exit-codes.js'
import { omitUndefined } from '../../omit-undefined.js'
import { readNames } from '../options.js'
import type { DescriptorOptions } from './descriptor-options.js'
import { readJsonObject } from './json-file.js'

/** Members that a service answers with but does not take. Leaving them out lets `show --json` be sent back. */
const readOnlyMembers = ['origin', 'created_at']

/**
 * The file, if there is one, and what the options say, which counts more.
 * @throws CommandFailed for a file that cannot be read or is of another service
 */
export async function readDescriptor(
  { terminal }: CommandContext,
  id: string | undefined,
  options: DescriptorOptions,
): Promise<UpdateService & { id?: string }> {
  // Of a file nothing is known; the service names each of its faults.
  const file: UpdateService & { id?: string } =
    options.file === undefined ? {} : await readJsonObject(options.file, terminal)
  const descriptor = Object.fromEntries(
    Object.entries(file).filter(([name]) => !readOnlyMembers.includes(name)),
  )
  if (id !== undefined && file.id !== undefined && file.id !== id) {
    throw new CommandFailed(exitCodes.usage, `the file describes another service than ${id}`)
  }
  return omitUndefined({
    ...descriptor,
    ...omitUndefined({ id }),
    ...readMembers(options),
    access: merge(file.access, readAccess(options)),
    accept: merge(file.accept, readAccept(options)),
  })
}

const readMembers = (options: DescriptorOptions): UpdateService =>
  omitUndefined({
    name: options.name,
    group: options.group,
    prefix: options.prefix,
    target: options.target,
    strip_prefix: options.stripPrefix,
    forward_authorization: options.forwardAuthorization,
    preflight: options.preflight,
    public_paths: readNames(options.publicPaths),
    safe_posts: readNames(options.safePosts),
    timeout_ms: options.timeoutMs,
    max_body_bytes: options.maxBodyBytes === false ? null : options.maxBodyBytes,
    openapi_url: options.openapiUrl === false ? null : options.openapiUrl,
  })

const readAccess = ({ scopes, writeScopes, kinds }: DescriptorOptions): UpdateService['access'] =>
  omitUndefined({ scopes: readNames(scopes), write_scopes: readNames(writeScopes), kinds })

const readAccept = ({ acceptQuery, acceptCookie, acceptBasic }: DescriptorOptions): UpdateService['accept'] =>
  omitUndefined({ query: acceptQuery, cookie: acceptCookie, basic: acceptBasic })

/** What is no object stays, to be refused by the service; nothing at all is left out. */
function merge<T extends object>(file: T | undefined, options: T | undefined): T | undefined {
  if (options === undefined || Object.keys(options).length === 0) return file
  return { ...file, ...options }
}
