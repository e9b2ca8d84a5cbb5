/** What can be told of a key, the first that holds; apart from the schemas, whose library takes long to load. */
export const keyStatuses = ['revoked', 'owner_disabled', 'disabled', 'expired', 'active'] as const
export type KeyStatus = (typeof keyStatuses)[number]
