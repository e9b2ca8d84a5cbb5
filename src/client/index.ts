export type { KeyQuotas } from '../schemas/admin.js'
export type { AuditEventDocument } from '../schemas/audit.js'
export type { ApiKeyDocument, ApiKeyWithValue, CreateKey, UpdateKey } from '../schemas/key.js'
export type { LinkDocument } from '../schemas/link.js'
export type { Me } from '../schemas/principal.js'
export type { GroupDocument, ServiceDocument } from '../schemas/service.js'
export type { KeyVerdict } from '../schemas/verdict.js'
export {
  ConflictError,
  ForbiddenError,
  InvalidOptionError,
  InvalidRequestError,
  LatchkeyError,
  NotAuthenticatedError,
  NotFoundError,
  TooManyRequestsError,
  UnavailableError,
  UnexpectedAnswerError,
  UnreachableError,
} from './errors.js'
export { Latchkey, type LatchkeyOptions } from './latchkey.js'
export type { Listing, Page } from './resources.js'
export type { ServiceFetch, ServiceRequest } from './service-fetch.js'
export type { CallOptions } from './transport.js'
