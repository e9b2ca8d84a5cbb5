import type { ChangeAnyKey } from '../../schemas/admin.js'
import { omitUndefined } from '../omit-undefined.js'
import type { KeyChangeOptions, KeyOptions, NewKeyOptions } from './key-options.js'
import { readNames } from './options.js'
import { readLimits } from './read-limits.js'

/** Turns the options of a new key into a request. */
export function readNewKey({ name, jwt, neverExpires, expiresIn, ...options }: NewKeyOptions) {
  const end = omitUndefined({ never_expires: neverExpires, expires_in: expiresIn })
  return { name, ...omitUndefined({ jwt }), ...end, ...readKey(options) }
}

/**
 * Turns the options of a change into a request. The service takes no time to live of an existing key, only its end.
 * @param now milliseconds since the epoch, by the clock of this machine
 */
export const readKeyChange = (
  { name, neverExpires, expiresIn, expiresAt, ...options }: KeyChangeOptions,
  now: number,
): ChangeAnyKey => ({
  ...omitUndefined({ name, expires_at: expiresAt }),
  ...(neverExpires ? { expires_at: null } : {}),
  ...(expiresIn === undefined ? {} : { expires_at: new Date(now + expiresIn * 1000).toISOString() }),
  ...readKey(options),
})

const readKey = (options: KeyOptions) =>
  omitUndefined({
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
