// A process that makes the templates of the test databases in the place that it is given.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { openFolder } from '../../src/store/embedded.js'
import { migrate } from '../../src/store/migrate.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { listTemplates } from '../support/templates.js'

const generation = /^database-[0-9a-f]{16}$/
// A run of mutation tests needs its own for half an hour or longer, whatever changes in the checkout meanwhile.
const keptMs = 24 * 3_600_000

const [place] = process.argv.slice(2)
if (place === undefined) throw new Error('usage: make-templates.js PLACE')
await makeTemplates(place)
process.exit()

/** Makes the templates, and removes old ones of other versions. */
async function makeTemplates(place: string): Promise<void> {
  const draft = `${place}.${process.pid}`
  const { archive, folder } = listTemplates(draft)
  mkdirSync(draft, { recursive: true })
  const embedded = await openFolder({ folder })
  const pool = new pg.Pool(embedded.poolConfig)
  const session = await pool.connect()
  await migrate(session, migrationsDir)
  // So that a database that begins from the archive has no log to replay.
  await session.query('CHECKPOINT')
  session.release()
  const dump = await embedded.dump()
  await pool.end()
  await embedded.close()
  writeFileSync(archive, new Uint8Array(await dump.arrayBuffer()))

  const others = readdirSync(dirname(place)).filter((name) => generation.test(name))
  for (const other of others.map((name) => join(dirname(place), name))) {
    if (Date.now() - statSync(other).mtimeMs > keptMs) rmSync(other, { recursive: true })
  }
  // Whole or not at all, because two runs may make it at once.
  if (existsSync(place)) rmSync(draft, { recursive: true })
  else renameSync(draft, place)
}
