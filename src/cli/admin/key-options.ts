import { type Command, Option } from 'commander'
import { parseDuration, parseTime } from '../durations.js'
import { parseJsonObject } from '../json.js'
import { addLimitChanges, addLimitOptions, type LimitOptions } from './limit-options.js'

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

/** What of a key that there is may be changed. */
export interface KeyChangeOptions extends KeyOptions {
  /** As the API has it. */
  expiresAt?: string
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
    .option('--note <text>', 'a reminder of where the key is used')
    .option('--groups <id...>', 'service groups that it may call')
    .option('--services <id...>', 'services that it may call')
    .option('--read-only', 'only for GET, HEAD and OPTIONS')
    .option('--allowed-ips <range...>', 'addresses or CIDR ranges that may use it')
    .option('--allowed-referers <host...>', 'hosts whose pages may use it')
    .option('--config <object>', 'JSON that services see with each call', parseJsonObject)
    .option('--jwt', 'the key may sign JWTs')
  return addEndOptions(addLimitOptions(command))
}

/** The options of a key that there is: those that take several words may also be emptied. */
export function addKeyChangeOptions(command: Command): Command {
  command
    .option('--name <name>', 'by which people recognise it')
    .option('--note <text>', 'a reminder of where the key is used')
    .option('--scopes <right...>', 'rights that it may use; of a server key, those of its server')
    .option('--no-scopes', 'no rights')
    .option('--groups <id...>', 'service groups that it may call')
    .option('--no-groups', 'no groups; a person’s key that names nothing may call all')
    .option('--services <id...>', 'services that it may call')
    .option('--no-services', 'no single services')
    .option('--read-only', 'only for GET, HEAD and OPTIONS')
    .option('--no-read-only', 'for any method')
    .option('--allowed-ips <range...>', 'addresses or CIDR ranges that may use it')
    .option('--no-allowed-ips', 'any address may use it')
    .option('--allowed-referers <host...>', 'hosts whose pages may use it')
    .option('--no-allowed-referers', 'any page may use it')
    .option('--config <object>', 'JSON that services see with each call', parseJsonObject)
  return addEndOptions(addLimitChanges(command)).addOption(
    new Option('--expires-at <time>', 'until then: 2026-12-31 or 2026-12-31T23:59:59, in UTC')
      .argParser(parseTime)
      .conflicts(['expiresIn', 'neverExpires']),
  )
}

function addEndOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--expires-in <duration>', 'how long it lives from now: 600 (seconds), 10m, 1h, 15d, 2w')
        .argParser(parseDuration)
        .conflicts('neverExpires'),
    )
    .option('--never-expires', 'no end')
}
