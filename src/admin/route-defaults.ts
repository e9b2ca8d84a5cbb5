import type { Access } from '../auth/types.js'
import { problemResponses } from '../schemas/common.js'

export const byAdministrator: Access = { by: 'admin' }
export const tags = ['Administration']

/** The error answers of what only reads, and of what changes something. */
export const readErrors = problemResponses(400, 401, 403, 404)
export const changeErrors = problemResponses(400, 401, 403, 404, 409, 413, 415)
