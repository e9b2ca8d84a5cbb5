import { type Command, Option } from 'commander'
import { authorizationForwardings, type OwnerKind, ownerKinds, preflights } from '../../../schemas/enums.js'
import type { UpdateService } from '../../../schemas/service.js'
import { addJsonOption, type JsonOption, parseCount, parseRegistryId } from '../options.js'

/** A descriptor as commander gives it. */
export interface DescriptorOptions extends JsonOption {
  file?: string
  name?: string
  group?: string
  prefix?: string
  target?: string
  stripPrefix?: boolean
  scopes?: string[] | false
  writeScopes?: string[] | false
  kinds?: OwnerKind[]
  acceptQuery?: boolean
  acceptCookie?: boolean
  acceptBasic?: boolean
  forwardAuthorization?: UpdateService['forward_authorization']
  preflight?: UpdateService['preflight']
  publicPaths?: string[] | false
  safePosts?: string[] | false
  timeoutMs?: number
  maxBodyBytes?: number | false
  openapiUrl?: string | false
}

/** A file, and an option for each member. */
export function addDescriptorOptions(command: Command): Command {
  command
    .option('--file <file>', 'read a descriptor in JSON from a file, or from stdin (-); options count more')
    .option('--name <name>', 'for people')
    .addOption(new Option('--group <id>', 'service group that it is in').argParser(parseRegistryId))
    .option('--prefix <path>', 'its path at the gateway, as /auxip')
    .option('--target <url>', 'where it is, as http://auxip:8080')
    .option('--strip-prefix', 'it gets the path without the prefix (the default)')
    .option('--no-strip-prefix', 'it gets the whole path')
    .option('--scopes <right...>', 'rights that a caller must all have')
    .option('--no-scopes', 'asks for no rights')
    .option('--write-scopes <right...>', 'those that writing needs as well')
    .option('--no-write-scopes', 'writing needs no more than reading')
    .addOption(new Option('--kinds <kind...>', 'whose credentials are taken').choices(ownerKinds))
    .option('--accept-query', 'keys also as ?api_key=')
    .option('--no-accept-query', 'no keys in URLs (the default)')
    .option('--accept-cookie', 'key-signed JWTs also as a cookie (the default)')
    .option('--no-accept-cookie', 'no credentials in cookies')
    .option('--accept-basic', 'keys also as Authorization: Basic (the default)')
    .option('--no-accept-basic', 'no keys as Authorization: Basic')
    .addOption(
      new Option(
        '--forward-authorization <which>',
        'what of a checked Authorization the service sees',
      ).choices(authorizationForwardings),
    )
    .addOption(new Option('--preflight <who>', 'who answers CORS preflights').choices(preflights))
    .option('--public-paths <path...>', 'paths below the prefix that anyone may read, as /docs or /static/*')
    .option('--no-public-paths', 'no path without a credential (the default)')
    .option('--safe-posts <path...>', 'paths below the prefix where POST only reads, as /search')
    .option('--no-safe-posts', 'every POST writes (the default)')
    .option('--timeout-ms <ms>', 'how long it may take to begin its answer', parseCount)
    .option('--max-body-bytes <bytes>', 'largest body of a request', parseCount)
    .option('--no-max-body-bytes', 'bodies of any size (the default)')
    .option('--openapi-url <url>', 'its OpenAPI document, or a path below the target')
    .option('--no-openapi-url', 'no document (the default)')
  return addJsonOption(command)
}
