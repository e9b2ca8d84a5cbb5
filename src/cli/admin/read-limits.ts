import type { LimitsDocument } from '../../schemas/limits.js'
import { omitUndefined } from '../omit-undefined.js'
import type { LimitOptions } from './limit-options.js'

/** Turns the options into limits as the service takes them; undefined where none is given. */
export function readLimits(options: LimitOptions): Partial<LimitsDocument> | undefined {
  const limits = omitUndefined({
    per_second: readLimit(options.limitPerSecond),
    per_day: readLimit(options.limitPerDay),
    per_month: readLimit(options.limitPerMonth),
  })
  return Object.keys(limits).length === 0 ? undefined : limits
}

const readLimit = (limit: number | false | undefined) => (limit === false ? null : limit)
