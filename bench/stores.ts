import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { runCommand } from '../test/e2e/support/command.js'
import { makeTemporaryFolder, openCacheFolder, projectFolder } from '../test/e2e/support/folders.js'
import { type Postgresql, runSql, startPostgresql } from '../test/e2e/support/postgresql.js'
import { statements } from './fill-statements.js'
import { startWorker } from './messages.js'

// Stores that hold the keys of the numbers below a count (`storedKey`), copies for the caller to change.

type EngineKind = 'embedded' | 'postgresql'

const password = 'bench'

/** @returns a data folder, removed at the end of this process */
export async function copyEmbedded(count: number): Promise<string> {
  const prepared = await prepare('embedded', count, (draft) => runFill(count, draft))
  const folder = await makeTemporaryFolder('bench')
  removeAtExit(folder)
  await runCommand('cp', ['-a', '--reflink=auto', `${prepared}/.`, folder])
  return folder
}

/** A real PostgreSQL of its own, with a copy of the prepared rows. */
export async function startCopy(count: number): Promise<Postgresql> {
  const from = await prepare('postgresql', count, async (draft) => {
    const server = await startPostgresql({ password })
    try {
      await runFill(count, '', server.url)
      // It would do so by itself, at some moment of the measurement.
      await runSql(server.url, 'VACUUM (ANALYZE)')
      await server.save(draft)
    } finally {
      await server.stop()
    }
  })
  return startPostgresql({ password, from })
}

/** Fills a store once and keeps it, for as long as migrations and rows stay what they are. */
async function prepare(
  kind: EngineKind,
  count: number,
  fill: (draft: string) => Promise<void>,
): Promise<string> {
  const folder = join(openCacheFolder(), 'bench', checksum(), `${kind}-${count}`)
  if (existsSync(folder)) return folder
  const startedAt = Date.now()
  process.stderr.write(`filling ${kind} with ${count} keys, once …\n`)
  const draft = `${folder}.${process.pid}`
  mkdirSync(join(folder, '..'), { recursive: true })
  try {
    await fill(draft)
    renameSync(draft, folder)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    throw error
  }
  process.stderr.write(`… took ${Math.round((Date.now() - startedAt) / 1000)} s\n`)
  return folder
}

/** In a process of its own, whose memory and compiled code are gone before anything is measured. */
async function runFill(count: number, dataDir: string, url?: string): Promise<void> {
  const filling = startWorker('./fill.js', [String(count), dataDir, ...(url === undefined ? [] : [url])])
  await filling.first
  await filling.ask('fill')
  await filling.stop()
}

function checksum(): string {
  const hash = createHash('sha256').update(JSON.stringify(statements))
  const migrations = join(projectFolder, 'prisma/migrations')
  for (const name of readdirSync(migrations).sort()) {
    const file = join(migrations, name, 'migration.sql')
    if (existsSync(file)) hash.update(readFileSync(file))
  }
  return hash.digest('hex').slice(0, 16)
}

const removed: string[] = []

function removeAtExit(folder: string): void {
  // One listener for all of them: Node warns of more than ten.
  if (removed.length === 0) process.once('exit', removeAll)
  removed.push(folder)
}

function removeAll(): void {
  for (const folder of removed) rmSync(folder, { recursive: true, force: true })
}
