import type { Database } from '../../src/store/database.js'

/** Gives an owner that many working keys, each with one value that nobody knows: their ids are `many0001` and so on. */
export async function addManyKeys(db: Database, ownerSubject: string, count: number): Promise<string[]> {
  await db.prisma.$executeRaw`
    INSERT INTO api_keys (id, owner_subject, name, created_at, expires_at, scopes, allowed_referers, allowed_ips)
    SELECT 'many' || lpad(n::text, 5, '0'), ${ownerSubject}, 'key ' || n, now(), now() + interval '1 year',
      ARRAY['inherit'], ARRAY[]::text[], ARRAY[]::text[]
    FROM generate_series(1, ${count}::int) n`
  await db.prisma.$executeRaw`
    INSERT INTO api_key_values (hash, key_id, created_at)
    SELECT sha256(id::bytea), id, now() FROM api_keys WHERE id LIKE 'many%'`
  return Array.from({ length: count }, (_, at) => `many${String(at + 1).padStart(5, '0')}`)
}
