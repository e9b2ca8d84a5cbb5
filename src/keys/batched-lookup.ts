import { setImmediate as turn } from 'node:timers/promises'
import { withinPatience } from '../patience.js'
import { StoreUnavailable } from '../store/unavailable.js'

interface Waiting<Row> {
  id: string
  resolve: (row: Row | null) => void
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
 * Finds keys one by one, many in one query: while the queries allowed at once are under way, further ids gather for
 * the next. So a flood of unknown values costs a few queries, however many requests it is made of.
 * @param find the rows that there are of these ids, by id
 * @param patienceMs a database that takes longer for a query counts as one that cannot be asked
 */
export function createLookUp<Row>(
  find: (ids: readonly string[]) => Promise<ReadonlyMap<string, Row>>,
  patienceMs: number,
): (id: string) => Promise<Row | null> {
  const giveUp = () => new StoreUnavailable(new Error(`No answer to a look-up within ${patienceMs} ms`))
  const waiting: Waiting<Row>[] = []
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
      // Ids of the same turn of the event loop go into this query. The embedded database answers before the next turn.
      await turn()
      const asked = waiting.splice(0, maxAtOnce)
      if (asked.length === 0) break
      try {
        const ids = [...new Set(asked.map(({ id }) => id))]
        // A connection that was cut without a word never answers.
        const byId = await withinPatience(find(ids), patienceMs, giveUp)
        for (const { id, resolve } of asked) resolve(byId.get(id) ?? null)
      } catch (error) {
        for (const { reject } of asked) reject(error)
      }
    }
    queries -= 1
  }
}
