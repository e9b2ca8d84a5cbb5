import type { UpdateGroup } from '../../../schemas/service.js'
import { omitUndefined } from '../../omit-undefined.js'
import type { LimitOptions } from '../limit-options.js'
import type { JsonOption } from '../options.js'
import { readLimits } from '../read-limits.js'

export interface GroupOptions extends LimitOptions, JsonOption {
  name?: string
  description?: string
}

/** Turns the options into a change as the service takes it. */
export const readChange = ({ name, description, ...options }: GroupOptions): UpdateGroup =>
  omitUndefined({ name, description, limits: readLimits(options) })
