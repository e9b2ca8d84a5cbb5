import { setImmediate as turn } from 'node:timers/promises'
import type { Database } from '../store/database.js'
import { findKeysToVerify, type VerificationRow } from '../store/keys.js'
import { StoreUnavailable } from '../store/unavailable.js'

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
 * @param patienceMs a database that takes longer for a query counts as one that cannot be asked
 */
export function createLookUp(
  db: Database,
  patienceMs: number,
): (id: string) => Promise<VerificationRow | null> {
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
      // Those who come in this turn of the event loop join: the embedded database answers before another is read.
      await turn()
      const asked = waiting.splice(0, maxAtOnce)
      if (asked.length === 0) break
      try {
        const ids = [...new Set(asked.map(({ id }) => id))]
        const rows = await withinTime(findKeysToVerify(db, ids), patienceMs)
        const byId = new Map(rows.map((row) => [row.id, row]))
        for (const { id, resolve } of asked) resolve(byId.get(id) ?? null)
      } catch (error) {
        for (const { reject } of asked) reject(error)
      }
    }
    queries -= 1
  }
}

/** A connection that was cut silently answers never, and those who hold a key must not wait for it. */
async function withinTime<T>(work: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    const error = new StoreUnavailable(new Error(`No answer to a look-up within ${limitMs} ms`))
    timer = setTimeout(() => reject(error), limitMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
