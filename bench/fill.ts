import { fileURLToPath } from 'node:url'
import { hashValue } from '../src/keys/value.js'
import { type Database, openDatabase } from '../src/store/database.js'
import { statements } from './fill-statements.js'
import { answerParent } from './messages.js'
import { storedKey } from './stored-keys.js'

/** A process that fills an empty database and tells when it is done: `fill.js <count> <folder> [<url>]`. */
const [count, dataDir = '', url] = process.argv.slice(2)
const migrationsDir = fileURLToPath(import.meta.resolve('#package/prisma/migrations'))
const chunk = 5_000

answerParent(async () => {
  const db = await openDatabase({ url, dataDir, migrationsDir })
  await fill(db, Number(count))
  // As in a store that has been read before. It never looks at its statistics by itself, so they are not made here.
  if (db.kind === 'embedded') await db.query({ name: 'vacuum', text: 'VACUUM', values: [] })
  await db.close()
  return 'filled'
})
process.send?.('ready')

async function fill(db: Database, count: number): Promise<void> {
  const { insertOwners, insertKeys, insertValues } = statements
  for (let first = 0; first < count; first += chunk) {
    const numbers = Array.from({ length: Math.min(chunk, count - first) }, (_, at) => first + at)
    const keys = numbers.map(storedKey)
    const ids = keys.map(({ id }) => id)
    const hashes = keys.map(({ value }) => hashValue(value))
    await db.query({ name: 'insert-owners', text: insertOwners, values: [numbers] })
    await db.query({ name: 'insert-keys', text: insertKeys, values: [numbers, ids] })
    await db.query({ name: 'insert-values', text: insertValues, values: [numbers, ids, hashes] })
  }
}
