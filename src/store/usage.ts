import type { Database } from './database.js'

export interface UsageBatch {
  keyId: string
  total: number
  /** Calls on `day` among them. */
  today: number
  /** `YYYY-MM-DD`, UTC. */
  day: string
  lastUsedAt: Date
  lastUsedIp: string
  lastUserAgent: string | null
}

// A key that was deleted meanwhile has no row to lock and is left out, instead of failing the batch. Locks are
// taken in the order of the ids, so that two replicas cannot wait for each other.
const addUsageStatement = `
WITH alive AS (SELECT id FROM api_keys WHERE id = ANY($1::text[]) ORDER BY id FOR KEY SHARE)
INSERT INTO api_key_usage AS u (key_id, total, today, day, last_used_at, last_used_ip, last_user_agent)
SELECT n.* FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::date[], $5::timestamptz[], $6::text[], $7::text[])
  AS n (key_id, total, today, day, last_used_at, last_used_ip, last_user_agent)
JOIN alive ON alive.id = n.key_id
ORDER BY n.key_id
ON CONFLICT (key_id) DO UPDATE SET
  total = u.total + excluded.total,
  today = CASE WHEN u.day = excluded.day THEN u.today + excluded.today
               WHEN u.day < excluded.day THEN excluded.today ELSE u.today END,
  day = GREATEST(u.day, excluded.day),
  last_used_ip = CASE WHEN u.last_used_at <= excluded.last_used_at THEN excluded.last_used_ip ELSE u.last_used_ip END,
  last_user_agent = CASE WHEN u.last_used_at <= excluded.last_used_at THEN excluded.last_user_agent ELSE u.last_user_agent END,
  last_used_at = GREATEST(u.last_used_at, excluded.last_used_at)`

/** Adds counts to those of other replicas; what fails as unavailable was not added, and may be tried again. */
export async function addUsage(db: Database, batch: readonly UsageBatch[]): Promise<void> {
  await db.query({
    name: 'add-usage',
    isChange: true,
    text: addUsageStatement,
    values: [
      batch.map((entry) => entry.keyId),
      batch.map((entry) => entry.total),
      batch.map((entry) => entry.today),
      batch.map((entry) => entry.day),
      batch.map((entry) => entry.lastUsedAt),
      batch.map((entry) => entry.lastUsedIp),
      batch.map((entry) => entry.lastUserAgent),
    ],
  })
}

const touchValuesStatement = `
UPDATE api_key_values v SET last_used_at = GREATEST(v.last_used_at, n.at)
FROM unnest($1::bytea[], $2::timestamptz[]) AS n (hash, at) WHERE v.hash = n.hash`

/** Notes when old values within their grace were last used. */
export async function touchValues(db: Database, uses: readonly { hash: Buffer; at: Date }[]): Promise<void> {
  await db.query({
    name: 'touch-values',
    text: touchValuesStatement,
    values: [uses.map((use) => use.hash), uses.map((use) => use.at)],
  })
}
