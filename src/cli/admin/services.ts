import { type Command, Option } from 'commander'
import type { CreateService, ServiceDocument, UpdateService } from '../../schemas/service.js'
import { withoutUndefined } from '../api-key/without-undefined.js'
import { requireConsent } from '../confirm.js'
import type { CommandContext } from '../context.js'
import { CommandFailed, exitCodes } from '../exit-codes.js'
import { tell } from '../terminal.js'
import { administrate } from './administration.js'
import { requireChange, tellChange } from './changes.js'
import { printDocument } from './documents.js'
import { readJsonObject } from './json-file.js'
import { type Columns, printList } from './lists.js'
import {
  addJsonOption,
  addListOptions,
  addYesOption,
  type JsonOption,
  type ListOptions,
  readCount,
  readNames,
  readRegistryId,
  type YesOption,
} from './options.js'

interface ServiceOptions extends JsonOption {
  file?: string
  name?: string
  group?: string
  prefix?: string
  target?: string
  stripPrefix?: boolean
  scopes?: string[] | false
  writeScopes?: string[] | false
  kinds?: ('user' | 'server')[]
  acceptQuery?: boolean
  acceptCookie?: boolean
  acceptBasic?: boolean
  forwardAuthorization?: UpdateService['forward_authorization']
  preflight?: UpdateService['preflight']
  timeoutMs?: number
  maxBodyBytes?: number | false
  openapiUrl?: string | false
}

/** `latchkey admin service …`: what stands behind the gateway. */
export function addServiceCommands(admin: Command, context: CommandContext): void {
  const services = admin.command('service').description('services behind the gateway')

  addListOptions(services.command('list').description('all services, the newest first'))
    .option('--group <id>', 'those of this group', readRegistryId)
    .action((options: ListOptions & { group?: string }) => list(context, options))
  addJsonOption(services.command('show').description('one service'))
    .argument('<id>', 'of the service', readRegistryId)
    .action((id: string, options: JsonOption) => show(context, id, options))
  addServiceOptions(services.command('create').description('put a service behind the gateway at once'))
    .argument('[id]', 'small letters, digits and hyphens; a file may hold it', readRegistryId)
    .action((id: string | undefined, options: ServiceOptions) => create(context, id, options))
  addServiceOptions(services.command('update').description('change what is named, and nothing else'))
    .argument('<id>', 'of the service', readRegistryId)
    .action((id: string, options: ServiceOptions) => update(context, id, options))
  for (const { verb, enabled, description } of switches) {
    addJsonOption(services.command(verb).description(description))
      .argument('<id>', 'of the service', readRegistryId)
      .action((id: string, options: JsonOption) => setEnabled(context, { id, enabled }, options))
  }
  addYesOption(services.command('delete').description('remove a service that no key refers to'))
    .argument('<id>', 'of the service', readRegistryId)
    .action((id: string, options: YesOption) => remove(context, id, options))
}

const switches = [
  { verb: 'enable', enabled: true, description: 'let the gateway serve it again' },
  { verb: 'disable', enabled: false, description: 'take it away from the gateway: 404 there' },
]

function addServiceOptions(command: Command): Command {
  command
    .option('--file <file>', 'read a descriptor in JSON from a file, or from stdin (-); options count more')
    .option('--name <name>', 'for people')
    .addOption(new Option('--group <id>', 'service group that it is in').argParser(readRegistryId))
    .option('--prefix <path>', 'its path at the gateway, as /auxip')
    .option('--target <url>', 'where it is, as http://auxip:8080')
    .option('--strip-prefix', 'it gets the path without the prefix (the default)')
    .option('--no-strip-prefix', 'it gets the whole path')
    .option('--scopes <right...>', 'rights that a caller must all have')
    .option('--no-scopes', 'asks for no rights')
    .option('--write-scopes <right...>', 'those that writing needs as well')
    .option('--no-write-scopes', 'writing needs no more than reading')
    .addOption(new Option('--kinds <kind...>', 'whose credentials are taken').choices(['user', 'server']))
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
      ).choices(['none', 'tokens', 'all']),
    )
    .addOption(
      new Option('--preflight <who>', 'who answers CORS preflights').choices(['forward', 'answer', 'refuse']),
    )
    .option('--timeout-ms <ms>', 'how long it may take to begin its answer', readCount)
    .option('--max-body-bytes <bytes>', 'largest body of a request', readCount)
    .option('--no-max-body-bytes', 'bodies of any size (the default)')
    .option('--openapi-url <url>', 'its OpenAPI document, or a path below the target')
    .option('--no-openapi-url', 'no document (the default)')
  return addJsonOption(command)
}

function list(context: CommandContext, { group, ...options }: ListOptions & { group?: string }) {
  return administrate(context, null, (admin) =>
    printList(context.terminal, admin.services.list(withoutUndefined({ group })), columns, options),
  )
}

const columns: Columns<ServiceDocument> = [
  { title: 'Id', cell: ({ id }) => id },
  { title: 'Group', cell: ({ group }) => group },
  { title: 'Prefix', cell: ({ prefix }) => prefix },
  { title: 'Target', cell: ({ target }) => target },
  { title: 'Scopes', cell: ({ access }) => access.scopes.join(' ') || '-' },
  { title: 'Enabled', cell: ({ enabled }) => (enabled ? 'yes' : 'no') },
  { title: 'From', cell: ({ origin }) => origin },
]

async function show(context: CommandContext, id: string, options: JsonOption): Promise<void> {
  const service = await administrate(context, `service ${id}`, (admin) => admin.services.show(id))
  await printDocument(context.terminal, service, options)
}

async function create(context: CommandContext, id: string | undefined, options: ServiceOptions) {
  const descriptor = await readDescriptor(context, id, options)
  if (descriptor.id === undefined) {
    throw new CommandFailed(exitCodes.usage, 'the service has no id: name one, or a --file that holds it')
  }
  // The service knows best what a descriptor must be, and names each fault of this one.
  const wanted = { name: descriptor.id, ...descriptor } as CreateService
  const made = await administrate(context, null, (admin) => admin.services.create(wanted))
  tellChange(context.terminal, `The service ${made.id} is at ${made.prefix} of the gateway.`, made, options)
}

async function update(context: CommandContext, id: string, options: ServiceOptions): Promise<void> {
  const { id: _, ...change } = await readDescriptor(context, id, options)
  requireChange(change)
  const service = await administrate(context, `service ${id}`, (admin) => admin.services.update(id, change))
  tellChange(context.terminal, `The service ${id} is changed.`, service, options)
}

async function setEnabled(
  context: CommandContext,
  { id, enabled }: { id: string; enabled: boolean },
  options: JsonOption,
): Promise<void> {
  const service = await administrate(context, `service ${id}`, (admin) =>
    admin.services.update(id, { enabled }),
  )
  tellChange(context.terminal, `The service ${id} is ${enabled ? 'enabled' : 'disabled'}.`, service, options)
}

async function remove(context: CommandContext, id: string, options: YesOption): Promise<void> {
  await requireConsent(`Delete the service ${id}?`, context.terminal, options)
  await administrate(context, `service ${id}`, (admin) => admin.services.delete(id))
  tell(context.terminal, `The service ${id} is deleted.`)
}

/** What of it a service tells but does not take, so that what `show --json` printed can be sent back. */
const toldOnly = ['origin', 'created_at']

/** The file, if there is one, and what the options say, which counts more. */
async function readDescriptor(
  { terminal }: CommandContext,
  id: string | undefined,
  options: ServiceOptions,
): Promise<UpdateService & { id?: string }> {
  // Of a file nothing is known; the service names each of its faults.
  const file: UpdateService & { id?: string } =
    options.file === undefined ? {} : await readJsonObject(options.file, terminal)
  const descriptor = Object.fromEntries(Object.entries(file).filter(([name]) => !toldOnly.includes(name)))
  if (id !== undefined && file.id !== undefined && file.id !== id) {
    throw new CommandFailed(exitCodes.usage, `the file describes another service than ${id}`)
  }
  return withoutUndefined({
    ...descriptor,
    ...withoutUndefined({ id }),
    ...readMembers(options),
    access: merge(file.access, readAccess(options)),
    accept: merge(file.accept, readAccept(options)),
  })
}

const readMembers = (options: ServiceOptions): UpdateService =>
  withoutUndefined({
    name: options.name,
    group: options.group,
    prefix: options.prefix,
    target: options.target,
    strip_prefix: options.stripPrefix,
    forward_authorization: options.forwardAuthorization,
    preflight: options.preflight,
    timeout_ms: options.timeoutMs,
    max_body_bytes: options.maxBodyBytes === false ? null : options.maxBodyBytes,
    openapi_url: options.openapiUrl === false ? null : options.openapiUrl,
  })

const readAccess = ({ scopes, writeScopes, kinds }: ServiceOptions): UpdateService['access'] =>
  withoutUndefined({ scopes: readNames(scopes), write_scopes: readNames(writeScopes), kinds })

const readAccept = ({ acceptQuery, acceptCookie, acceptBasic }: ServiceOptions): UpdateService['accept'] =>
  withoutUndefined({ query: acceptQuery, cookie: acceptCookie, basic: acceptBasic })

/** What is no object stays, to be refused by the service; nothing at all is left out. */
function merge<T extends object>(file: T | undefined, options: T | undefined): T | undefined {
  if (options === undefined || Object.keys(options).length === 0) return file
  return { ...file, ...options }
}
