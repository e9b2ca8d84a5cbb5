import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ChangeAnyKey } from '../../schemas/admin.js'
import { parseDuration } from '../durations.js'
import { given } from './changes.js'
import { addLimitChanges, addLimitOptions, type LimitOptions, readLimits } from './limits.js'
import { readNames } from './options.js'

/** What may be said of a key when it is made, and when it is changed; as commander gives it. */
export interface KeyOptions extends LimitOptions {
  name?: string
  note?: string
  scopes?: string[] | false
  groups?: string[] | false
  services?: string[] | false
  allowedIps?: string[] | false
  allowedReferers?: string[] | false
  config?: Record<string, unknown>
  readOnly?: boolean
  neverExpires?: boolean
  /** Seconds. */
  expiresIn?: number
}

/** What of a new key may be said. */
export interface NewKeyOptions extends KeyOptions {
  name: string
  jwt?: boolean
}

/** The options of a key that is about to be. */
export function addNewKeyOptions(command: Command): Command {
  command
    .requiredOption('--name <name>', 'by which people recognise it')
    .option('--note <text>', 'where it is used')
    .option('--groups <id...>', 'service groups that it may call')
    .option('--services <id...>', 'services that it may call')
    .option('--read-only', 'for reading alone')
    .option('--allowed-ips <range...>', 'addresses or CIDR ranges that may use it')
    .option('--allowed-referers <host...>', 'hosts whose pages may use it')
    .option('--config <json>', 'what services see with each call', readConfig)
    .option('--jwt', 'it may sign JWTs')
  return addEndOptions(addLimitOptions(command))
}

/** The options of a key that there is: those that take several words may also be emptied. */
export function addChangeOptions(command: Command): Command {
  command
    .option('--name <name>', 'by which people recognise it')
    .option('--note <text>', 'where it is used')
    .option('--scopes <right...>', 'rights that it may use; of a server key, those of its server')
    .option('--no-scopes', 'no rights')
    .option('--groups <id...>', 'service groups that it may call')
    .option('--no-groups', 'no groups; a person’s key that names nothing may call all')
    .option('--services <id...>', 'services that it may call')
    .option('--no-services', 'no single services')
    .option('--read-only', 'for reading alone')
    .option('--no-read-only', 'for writing too')
    .option('--allowed-ips <range...>', 'addresses or CIDR ranges that may use it')
    .option('--no-allowed-ips', 'any address may')
    .option('--allowed-referers <host...>', 'hosts whose pages may use it')
    .option('--no-allowed-referers', 'any page may')
    .option('--config <json>', 'what services see with each call', readConfig)
  return addEndOptions(addLimitChanges(command))
}

function addEndOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--expires-in <time>', 'how long it lives from now: 600 (seconds), 12h, 15d')
        .argParser(parseDuration)
        .conflicts('neverExpires'),
    )
    .option('--never-expires', 'it lives until it is revoked')
}

/** What was said of a new key, as the service takes it. */
export function readNewKey({ name, jwt, neverExpires, expiresIn, ...options }: NewKeyOptions) {
  const end = given({ never_expires: neverExpires, expires_in: expiresIn })
  return { name, ...given({ jwt }), ...end, ...readKey(options) }
}

/** @param now milliseconds since the epoch, of this machine: the service takes an end, and no time to live */
export const readKeyChange = (
  { name, neverExpires, expiresIn, ...options }: KeyOptions,
  now: number,
): ChangeAnyKey => ({
  ...given({ name }),
  ...(neverExpires ? { expires_at: null } : {}),
  ...(expiresIn === undefined ? {} : { expires_at: new Date(now + expiresIn * 1000).toISOString() }),
  ...readKey(options),
})

const readKey = (options: KeyOptions) =>
  given({
    note: options.note,
    scopes: readNames(options.scopes),
    groups: readNames(options.groups),
    services: readNames(options.services),
    allowed_ips: readNames(options.allowedIps),
    allowed_referers: readNames(options.allowedReferers),
    config: options.config,
    read_only: options.readOnly,
    limits: readLimits(options),
  })

function readConfig(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch {
    // Told below, as what is JSON but no object.
  }
  throw new InvalidArgumentError('It is an object of JSON, as {"project":"demo"}.')
}
