import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
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

/** Takes the templates that an earlier run made by the same code and migrations, or makes them. `npm ci` removes them. */
export async function findTemplates(): Promise<Templates> {
  const place = join(cache, `database-${hashSources()}`)
  // In a process of its own, because to make a database takes more memory than all the rest of a run's main process.
  if (!existsSync(place)) await promisify(execFile)(process.execPath, [pathOfBuilt(maker), place])
  return listTemplates(place)
}

const maker = 'test/processes/make-templates'

/** Names the templates of a place. */
export const listTemplates = (place: string): Templates => ({
  archive: join(place, 'database.tar'),
  folder: join(place, 'db'),
})

/**
 * Names all that the templates are made by: the migrations, the code that opens and migrates, the versions of packages.
 * By their paths within the checkout, because Stryker makes a copy of it in another place for each run.
 */
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
    hash.update(`${relative(project, file)}\0`).update(readFileSync(file))
  return hash.digest('hex').slice(0, 16)
}
