interface ProblemKind {
  status: number
  title: string
  /** What the caller may know and can act on. */
  detail: string
}

/** Every error that the service answers with. README's table of errors is checked against this one. */
export const problemKinds = {
  invalid_request: {
    status: 400,
    title: 'Invalid request',
    detail: 'The request is malformed.',
  },
  ambiguous_path: {
    status: 400,
    title: 'Ambiguous path',
    detail:
      'Servers read this path in several ways, which have different rules. Send it in lower case, without //, ;, encoded slashes or a dot at the end of a name.',
  },
  validation_failed: {
    status: 400,
    title: 'Validation failed',
    detail: 'The input is invalid; errors names each fault.',
  },
  target_not_allowed: {
    status: 400,
    title: 'Target not allowed',
    detail: 'The target leads to an address that this service may not call.',
  },
  login_failed: {
    status: 400,
    title: 'Login failed',
    detail: 'The login was not completed. Start again.',
  },
  not_authenticated: {
    status: 401,
    title: 'Not authenticated',
    detail: 'Not authenticated',
  },
  invalid_credential: {
    status: 401,
    title: 'Invalid credential',
    detail: 'The credential is wrong, unknown, expired, revoked or disabled.',
  },
  insufficient_scope: {
    status: 403,
    title: 'Insufficient scope',
    detail: 'The credential lacks a right that this operation asks for.',
  },
  login_required: {
    status: 403,
    title: 'Login required',
    detail: 'An API key may not do this: use an OAuth2 token or log in.',
  },
  client_not_allowed: {
    status: 403,
    title: 'Client not allowed',
    detail: 'Tokens of this OAuth2 client may not manage API keys.',
  },
  read_only_key: {
    status: 403,
    title: 'Read-only key',
    detail: 'This API key may only use GET, HEAD and OPTIONS.',
  },
  referer_not_allowed: {
    status: 403,
    title: 'Referer not allowed',
    detail: 'This API key may not be used from this site.',
  },
  address_not_allowed: {
    status: 403,
    title: 'Address not allowed',
    detail: 'This API key may not be used from this address.',
  },
  not_authorized_here: {
    status: 403,
    title: 'Not authorised here',
    detail: 'This API key is not authorised on this service.',
  },
  cross_site_request: {
    status: 403,
    title: 'Cross-site request',
    detail: 'A change made through a session must come from this site.',
  },
  set_by_administrator: {
    status: 403,
    title: 'Set by an administrator',
    detail: 'An administrator set this; the owner cannot undo it.',
  },
  keys_disabled: {
    status: 403,
    title: 'API keys are switched off',
    detail: 'API keys are switched off: none can be made until they are on again.',
  },
  never_expires_not_allowed: {
    status: 403,
    title: 'Never-expiring keys are not allowed',
    detail: 'This service gives no keys that never expire.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    detail: 'There is nothing here that the caller may see.',
  },
  name_taken: {
    status: 409,
    title: 'Name taken',
    detail: 'Another of your API keys has this name.',
  },
  key_limit_reached: {
    status: 409,
    title: 'Key limit reached',
    detail: 'You hold as many working API keys as you may: revoke one first.',
  },
  id_taken: {
    status: 409,
    title: 'Id taken',
    detail: 'Something else here has this id already.',
  },
  in_use: {
    status: 409,
    title: 'In use',
    detail: 'Services or API keys refer to this: take it from them first.',
  },
  set_by_file: {
    status: 409,
    title: 'Set by a file',
    detail: 'A file of the operator says this: change it there.',
  },
  permanently_revoked: {
    status: 409,
    title: 'Permanently revoked',
    detail: 'This API key was revoked for good: create a new one.',
  },
  payload_too_large: {
    status: 413,
    title: 'Payload too large',
    detail: 'The body is larger than this service takes.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    detail: 'Send the body as application/json.',
  },
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    detail: 'Too many requests: wait as Retry-After says.',
  },
  quota_exceeded: {
    status: 429,
    title: 'Quota exceeded',
    detail: 'The calls of this day or month are used up: wait as Retry-After says.',
  },
  internal_error: {
    status: 500,
    title: 'Internal error',
    detail: 'Something went wrong here. The request id finds it in the log.',
  },
  bad_gateway: {
    status: 502,
    title: 'Bad gateway',
    detail: 'The service behind the gateway cannot be reached, or broke off its answer.',
  },
  unavailable: {
    status: 503,
    title: 'Unavailable',
    detail: 'The service cannot tell right now: try again as Retry-After says.',
  },
  gateway_timeout: {
    status: 504,
    title: 'Gateway timeout',
    detail: 'The service behind the gateway took too long to answer.',
  },
} as const satisfies Record<string, ProblemKind>

export type ProblemCode = keyof typeof problemKinds
