import type { Database } from './database.js'
import type { Prisma } from './generated/client.js'

export interface SigningKeyRow {
  kid: string
  /** As it is published. */
  publicJwk: Record<string, unknown>
  /** The private key, sealed. */
  sealedKey: string
  /** By the database's clock, when it was read. */
  ageMs: number
}

export type NewSigningKey = Omit<SigningKeyRow, 'ageMs'>

/** All that are kept, the oldest first. */
export async function listSigningKeys(db: Database): Promise<SigningKeyRow[]> {
  return db.query<SigningKeyRow>({
    name: 'list-signing-keys',
    text: `
SELECT kid, public_jwk AS "publicJwk", sealed_key AS "sealedKey",
  (extract(epoch FROM clock_timestamp() - created_at) * 1000)::float8 AS "ageMs"
FROM signing_keys ORDER BY created_at, kid`,
    values: [],
  })
}

/**
 * Adds a key, unless somebody else has added one that the caller does not know: replicas that come to need a key at
 * the same moment make one between them.
 * @returns whether it was added
 */
export async function insertSigningKey(
  db: Database,
  key: NewSigningKey,
  known: readonly string[],
): Promise<boolean> {
  return db.write(async (tx) => {
    // Readers go on; whoever would add waits, and then sees what was added.
    await tx.$executeRaw`LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE`
    const others = await tx.signingKey.count({ where: { kid: { notIn: [...known] } } })
    if (others > 0) return false
    await tx.$executeRaw`
      INSERT INTO signing_keys (kid, public_jwk, sealed_key, created_at)
      VALUES (${key.kid}, ${key.publicJwk as Prisma.InputJsonObject}::jsonb, ${key.sealedKey}, clock_timestamp())`
    return true
  })
}

export async function deleteSigningKeys(db: Database, kids: readonly string[]): Promise<void> {
  await db.write((tx) => tx.signingKey.deleteMany({ where: { kid: { in: [...kids] } } }))
}
