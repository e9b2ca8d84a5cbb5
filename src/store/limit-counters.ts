import type { Database } from './database.js'
import { notify } from './notices.js'

export interface LimitCount {
  party: string
  /** When the day began, in milliseconds since the epoch. */
  dayStart: number
  used: number
}

// Locks are taken in one order, so that two replicas cannot wait for each other.
const addStatement = `
INSERT INTO limit_counters AS c (party, day_start, used)
SELECT n.party, n.day_start, n.used FROM unnest($1::text[], $2::timestamptz[], $3::bigint[]) AS n (party, day_start, used)
ORDER BY n.party, n.day_start
ON CONFLICT (party, day_start) DO UPDATE SET used = c.used + excluded.used`

/** Adds calls to those of other replicas; what fails as unavailable was not added, and may be tried again. */
export async function addLimitCounts(db: Database, counts: readonly LimitCount[]): Promise<void> {
  await db.query({
    name: 'add-limit-counts',
    isChange: true,
    text: addStatement,
    values: [
      counts.map(({ party }) => party),
      counts.map(({ dayStart }) => new Date(dayStart)),
      counts.map(({ used }) => used),
    ],
  })
}

/** The days of a party from an instant on, as far as anything was counted in them. */
export async function readLimitCounts(
  db: Database,
  party: string,
  since: number,
): Promise<Omit<LimitCount, 'party'>[]> {
  const rows = await db.query<{ day_start: Date; used: number }>({
    name: 'read-limit-counts',
    text: 'SELECT day_start, used::float8 AS used FROM limit_counters WHERE party = $1 AND day_start >= $2',
    values: [party, new Date(since)],
  })
  return rows.map(({ day_start, used }) => ({ dayStart: day_start.getTime(), used }))
}

/** Tells every replica that what it has not written of a party yet shall be forgotten. */
export async function notifyLimitReset(db: Database, party: string): Promise<void> {
  await db.write((tx) => notify(tx, { limits: party }))
}

/** Forgets all that was counted of a party, and tells every replica. */
export async function deleteLimitCounts(db: Database, party: string): Promise<void> {
  await db.write(async (tx) => {
    await tx.limitCounter.deleteMany({ where: { party } })
    await notify(tx, { limits: party })
  })
}

/** Forgets days that no quota speaks of any more. */
export async function deleteOldLimitCounts(db: Database, before: number): Promise<void> {
  await db.query({
    name: 'delete-old-limit-counts',
    isChange: true,
    text: 'DELETE FROM limit_counters WHERE day_start < $1',
    values: [new Date(before)],
  })
}
