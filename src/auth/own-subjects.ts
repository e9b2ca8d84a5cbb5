/** Subjects that this service gives to itself and to the single user: actors in the ledger, and owners of keys. */
export const ownSubjects = Object.freeze({
  singleUser: 'single-user',
  directory: 'directory',
  servicesFile: 'services-file',
  keySwitchFile: 'api-keys-provider-file',
})

const serverMark = 'server:'
const fixed: ReadonlySet<string> = new Set(Object.values(ownSubjects))

/** Returns the subject of the server user that one key belongs to. The id of a key is public, so the subject is too. */
export const serverSubject = (keyId: string): string => serverMark + keyId

/** Whether only this service may give this subject, never an identity provider. */
export const isOwnSubject = (subject: string): boolean => subject.startsWith(serverMark) || fixed.has(subject)
