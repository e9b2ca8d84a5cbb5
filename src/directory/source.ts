/** A person as the identity provider has them now. */
export type Person =
  | { enabled: false }
  | {
      enabled: true
      login: string
      name: string | null
      email: string | null
      /** Realm roles as `role`, client roles as `client:role`, groups as `group:/path`. */
      rights: string[]
      attributes: Record<string, unknown>
    }

/**
 * Where people are looked up. Each call throws NotAllowed, or anything else when it cannot be asked now. It throws at
 * once when its signal is aborted. Default: no signal.
 */
export interface DirectorySource {
  /** The subjects of everyone who is disabled. */
  listDisabled(signal?: AbortSignal): Promise<Set<string>>
  /** Null: nobody has this subject (any more). */
  find(subject: string, signal?: AbortSignal): Promise<Person | null>
}

/** The identity provider answered, and does not let this service look people up. */
export class NotAllowed extends Error {
  override readonly name: string = 'NotAllowed'
}

/** The operator does not want people to be looked up, or there is no place to do it. */
export class NotWanted extends NotAllowed {
  override readonly name = 'NotWanted'
}

/** Where nobody can be looked up. */
export const noDirectory = (why: string): DirectorySource => {
  const refuse = async () => {
    throw new NotWanted(why)
  }
  return { listDisabled: refuse, find: refuse }
}
