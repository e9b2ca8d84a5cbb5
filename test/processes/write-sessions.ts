// A process that opens the database in the folder it is given, then writes sessions without end, and prints the name of
// each one once it is acknowledged. Whoever started it kills it.
import { openDatabase } from '../../src/store/database.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { writeSession } from '../support/sessions.js'

const [dataDir = '', prefix = ''] = process.argv.slice(2)
const database = await openDatabase({ url: undefined, dataDir, migrationsDir })
process.stdout.write('open\n')

async function writeForever(writer: number): Promise<never> {
  for (let count = 0; ; count++) {
    const name = `${prefix}-${writer}-${count}`
    await writeSession(database, name)
    process.stdout.write(`${name}\n`)
  }
}
await Promise.all([1, 2, 3].map(writeForever))
