import type { Owner } from './generated/client.js'
import type { Tx } from './keys.js'

export type OwnerRow = Owner

export interface OwnerFacts {
  subject: string
  login: string
  name: string | null
  email: string | null
  rights: readonly string[]
  /** When the token that tells this was issued. */
  knownAt: Date
}

/** Keeps what a token told about a person, unless a newer one told something else. */
export async function rememberOwner(tx: Tx, facts: OwnerFacts): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO owners (subject, kind, login, name, email, rights, known_at)
    VALUES (${facts.subject}, 'user', ${facts.login}, ${facts.name}, ${facts.email}, ${[...facts.rights]}, ${facts.knownAt})
    ON CONFLICT (subject) DO UPDATE SET
      login = excluded.login, name = excluded.name, email = excluded.email,
      rights = excluded.rights, known_at = excluded.known_at
    WHERE owners.known_at <= excluded.known_at`
}

/** Until the transaction ends nobody else changes this owner's keys, so what is counted stays true. */
export async function lockOwner(tx: Tx, subject: string): Promise<OwnerRow | null> {
  await tx.$queryRaw`SELECT 1 FROM owners WHERE subject = ${subject} FOR UPDATE`
  return tx.owner.findUnique({ where: { subject } })
}
