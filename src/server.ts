import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import closeWithGrace from 'close-with-grace'
import { buildApps } from './app.js'
import { type Config, loadConfig, readEnvironment } from './config/load.js'
import { findSecrets, requireFolder } from './process/data-folder.js'
import { exitCodeOf, explain } from './process/explain.js'
import { endConnectionsAtClose } from './process/graceful-end.js'
import { listenAll, tryPorts } from './process/listen.js'
import { writeWelcome } from './process/welcome.js'
import { type Database, openDatabase } from './store/database.js'

const require = createRequire(import.meta.url)
/** Less than the 30 s after which Kubernetes kills. */
const drainMs = 20_000

/** The process: settings, database, service, and their end in the opposite order. */
async function main(): Promise<void> {
  const config = loadConfig(readEnvironment())
  await tryPorts(config)
  const packageFile = require.resolve('#package/package.json')
  const opening = openDatabase({
    url: config.databaseUrl,
    dataDir: config.dataDir,
    migrationsDir: join(dirname(packageFile), 'prisma', 'migrations'),
    log: (message, { error }) =>
      process.stderr.write(error === undefined ? `${message}\n` : `${message}: ${String(error)}\n`),
  })
  const db = await requireFolder(config, opening)
  try {
    await serve(config, db, (require(packageFile) as { version: string }).version)
  } catch (error) {
    await db.close()
    throw error
  }
}

async function serve(config: Config, db: Database, version: string): Promise<void> {
  const secrets = await findSecrets(config)
  const { app, gateway, openingUrl } = await buildApps({ config, db, secrets, version })
  const servers = gateway === null ? [app] : [app, gateway]
  const stopListening = servers.map(endConnectionsAtClose)
  await listenAll(servers, config)
  // Without such a file, SIGHUP keeps its default meaning: the process ends when its terminal closes.
  const files = [config.servicesFile, config.scopesFile, config.keySwitchFile]
  const reloads = files.some((file) => file !== undefined) ? ['SIGHUP' as const] : []
  for (const signal of reloads) process.on(signal, () => void app.reloadDeclarations())
  // SIGTERM and SIGINT: stop listening, let open requests end, close the parts (runtime.ts), then the database.
  closeWithGrace({ delay: drainMs, logger: app.log, skip: reloads }, async ({ err }) => {
    if (err) app.log.fatal({ err }, 'the process ends of an error')
    // First, so that a client whose connection ends does not get in again.
    for (const stop of stopListening) stop()
    await Promise.all(servers.map((server) => server.close())).finally(() => db.close())
  })
  app.log.info({ database: db.kind, migrations: db.appliedMigrations, issuer: nameIssuer(config) }, 'ready')
  process.stdout.write(writeWelcome(config, openingUrl) ?? '')
}

const nameIssuer = ({ issuer, singleUser }: Config) => (singleUser === null ? (issuer ?? 'embedded') : 'none')

main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`)
  process.exit(exitCodeOf(error))
})
