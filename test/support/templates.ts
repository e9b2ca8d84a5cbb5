import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { openFolder } from '../../src/store/embedded.js'
import { migrate } from '../../src/store/migrate.js'
import { pathOfBuilt } from './built.js'
import { migrationsDir } from './migrations-dir.js'

/** An embedded database that is empty and has all migrations, to begin others from: to make one takes seconds. */
export interface Templates {
  /** A tar file, for a database in memory. */
  archive: string
  /** A folder, to be copied to `<DATA_DIR>/db`. */
  folder: string
}

const project = dirname(createRequire(import.meta.url).resolve('#package/package.json'))
const cache = join(project, 'node_modules/.cache/latchkey')
const generation = /^database-[0-9a-f]{16}$/

/** Takes the templates that an earlier run made by the same code and migrations, or makes them. `npm ci` removes them. */
export async function findTemplates(): Promise<Templates> {
  const place = join(cache, `database-${hashSources()}`)
  // In a process of its own, because to make a database takes more memory than all the rest of a run's main process.
  if (!existsSync(place)) await promisify(execFile)(process.execPath, [pathOfBuilt(maker), place])
  return describe(place)
}

const maker = 'test/processes/make-templates'
const describe = (place: string): Templates => ({
  archive: join(place, 'database.tar'),
  folder: join(place, 'db'),
})

/** Makes the templates, and removes those of other versions. */
export async function makeTemplates(place: string): Promise<void> {
  const draft = `${place}.${process.pid}`
  const { archive, folder } = describe(draft)
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

  for (const name of readdirSync(dirname(place)).filter((name) => generation.test(name)))
    rmSync(join(dirname(place), name), { recursive: true })
  // Whole or not at all, because two runs may make it at once.
  if (existsSync(place)) rmSync(draft, { recursive: true })
  else renameSync(draft, place)
}

/** Names all that the templates are made by: the migrations, the code that opens and migrates, the versions of packages. */
function hashSources(): string {
  const migrations = readdirSync(migrationsDir, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => join(migrationsDir, name))
  const store = readdirSync(join(project, 'src/store'))
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => join(project, 'src/store', name))
  const hash = createHash('sha256')
  for (const file of [...migrations, ...store, join(project, 'package-lock.json')])
    hash.update(`${file}\0`).update(readFileSync(file))
  return hash.digest('hex').slice(0, 16)
}
