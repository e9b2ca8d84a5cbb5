// Apart from the schemas, because the command line offers these as choices and TypeBox takes long to load.

/** The status of a key: the first that holds. */
export const keyStatuses = ['revoked', 'owner_disabled', 'disabled', 'expired', 'active'] as const
export type KeyStatus = (typeof keyStatuses)[number]

export const ownerKinds = ['user', 'server'] as const
export type OwnerKind = (typeof ownerKinds)[number]

/** How the secret of an imported key is read as an HMAC key. */
export const secretEncodings = ['utf8', 'base64'] as const

/** Which checked `Authorization` headers a service gets. */
export const authorizationForwardings = ['none', 'tokens', 'all'] as const

/** Who answers a CORS preflight. */
export const preflights = ['forward', 'answer', 'refuse'] as const
