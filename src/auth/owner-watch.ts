/**
 * What may be built on knowledge of an owner: `current`: it serves. `look`: ask the identity provider first.
 * `unknown`: it is too old, and the identity provider cannot be asked.
 */
export type Standing = 'current' | 'look' | 'unknown'

/** Follows the people whom keys act for at the identity provider. */
export interface OwnerWatch {
  /** Whether what is known of people stays true; null: this service could not find out yet. */
  follows(): boolean | null
  /** Whether the identity provider is known to have disabled or deleted this person; at once, from memory. */
  isDisabled(subject: string): boolean
  /** @param knownAt as of when the person is known, in milliseconds since the epoch */
  standing(subject: string, knownAt: number, now: number): Standing
  /** Asks for one person; once resolved, within a second, the store has what is new. Never rejects. */
  look(subject: string): Promise<void>
  /** The person is about: what is known of them is kept up to date for a while. */
  noteUse(subject: string): void
}

/** What the last login told serves, however long ago it was. */
export const trustLastLogin: OwnerWatch = {
  follows: () => false,
  isDisabled: () => false,
  standing: () => 'current',
  look: async () => {},
  noteUse: () => {},
}
