import { createKeyring, type KeyringOptions } from '../../src/assertion/keyring.js'
import type { Principal } from '../../src/auth/types.js'
import { createSealer } from '../../src/secrets/sealing.js'
import type { Database } from '../../src/store/database.js'

export const [secret, otherSecret] = [
  'first-secret-of-32-characters-000',
  'other-secret-of-32-characters-000',
] as const

/** A keyring as one replica has it, with what it logged. It reads only when it is told to. */
export function aReplica(
  db: Database,
  { secrets = [secret], ...options }: { secrets?: readonly string[] } & Partial<KeyringOptions> = {},
) {
  const log: string[] = []
  const note = (...line: unknown[]) => void log.push(JSON.stringify(line))
  const keyring = createKeyring({
    db,
    sealer: createSealer(secrets),
    log: { info: note, warn: note },
    ...options,
  })
  return { ...keyring, log }
}

/** Everything in the database gets older, as it would by itself. */
export async function letPass(db: Database, days: number): Promise<void> {
  await db.prisma
    .$executeRaw`UPDATE signing_keys SET created_at = created_at - make_interval(secs => ${days * 86_400}::float8)`
}

export const aPrincipal = (facts: Partial<Principal> = {}): Principal =>
  Object.freeze({
    subject: 'alice-id',
    login: 'alice',
    name: 'Alice Liddell',
    email: 'alice@example.test',
    kind: 'user',
    via: 'api-key',
    roles: ['reader', 'group:/space/ops'],
    scopes: ['reader'],
    attributes: {},
    config: { max: 3 },
    keyId: 'Zk3vQ9aB',
    ...facts,
  })
