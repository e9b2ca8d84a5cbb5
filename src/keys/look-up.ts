import type { Database } from '../store/database.js'
import { findKeysToVerify, type VerificationRow } from '../store/keys.js'

interface Waiting {
  id: string
  resolve: (row: VerificationRow | null) => void
  reject: (error: unknown) => void
}

const maxAtOnce = 500
const maxWaiting = 10_000
const maxQueries = 2

/** So many keys wait to be looked up that no more may join them; the database itself may be well. */
export class TooManyLookUps extends Error {
  override readonly name = 'TooManyLookUps'
  constructor() {
    super('Too many keys wait to be looked up')
  }
}

/**
 * Finds keys by id, many in one query: while the queries allowed at once are under way, further ids gather for
 * the next. So a flood of unknown values costs a few queries, however many requests it is made of.
 */
export function createLookUp(db: Database): (id: string) => Promise<VerificationRow | null> {
  const waiting: Waiting[] = []
  let queries = 0

  return (id) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= maxWaiting) return reject(new TooManyLookUps())
      waiting.push({ id, resolve, reject })
      if (queries < maxQueries) void ask()
    })

  async function ask() {
    queries += 1
    while (waiting.length > 0) {
      const asked = waiting.splice(0, maxAtOnce)
      try {
        const rows = await findKeysToVerify(db, [...new Set(asked.map(({ id }) => id))])
        const byId = new Map(rows.map((row) => [row.id, row]))
        for (const { id, resolve } of asked) resolve(byId.get(id) ?? null)
      } catch (error) {
        for (const { reject } of asked) reject(error)
      }
    }
    queries -= 1
  }
}
