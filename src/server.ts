import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import closeWithGrace from 'close-with-grace'
import { buildApps } from './app.js'
import { type Config, loadConfig, readEnvironment } from './config/load.js'
import { findSecrets, requireFolder } from './process/data-folder.js'
import { delayEndAtSigterm } from './process/delay-end.js'
import { endAtSignals } from './process/early-end.js'
import { exitCodeOf, explain } from './process/explain.js'
import { endConnectionsAtClose } from './process/graceful-end.js'
import { listenAll, makeReady, tryPorts } from './process/listen.js'
import { writeWelcome } from './process/welcome.js'
import { type Database, openDatabase } from './store/database.js'

const require = createRequire(import.meta.url)
/** Less than the 30 s after which Kubernetes kills. SHUTDOWN_DELAY_SECONDS comes before it. */
const drainMs = 20_000

/** The process: settings, database, service, and their end in the opposite order. */
async function main(): Promise<void> {
  const leaveSignals = endAtSignals()
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
    const { version } = require(packageFile) as { version: string }
    await serve({ config, db, version, leaveSignals })
  } catch (error) {
    await db.close()
    throw error
  }
}

interface Serving {
  config: Config
  db: Database
  version: string
  /** Makes way for the handlers of signals that end the process in order. */
  leaveSignals: () => void
}

async function serve({ config, db, version, leaveSignals }: Serving): Promise<void> {
  const secrets = await findSecrets(config)
  const { app, gateway, openingUrl } = await buildApps({ config, db, secrets, version })
  const servers = gateway === null ? [app] : [app, gateway]
  const ends = servers.map(endConnectionsAtClose)
  await makeReady(servers)
  // Without such a file, SIGHUP keeps its default meaning: the process ends when its terminal closes.
  const files = [config.servicesFile, config.scopesFile, config.keySwitchFile]
  const reloads = files.some((file) => file !== undefined) ? ['SIGHUP' as const] : []
  for (const signal of reloads) process.on(signal, () => void app.reloadDeclarations())
  const delayMs = config.shutdownDelayMs
  let listening = Promise.resolve()
  let isEnding = false
  const announce = () => {
    app.announceEnd()
    for (const end of ends) end.announce()
  }
  const skip = delayMs > 0 ? [...reloads, 'SIGTERM' as const] : reloads
  // Stop listening, let open requests end, close the parts (runtime.ts), then the database.
  const grace = closeWithGrace({ delay: drainMs, logger: app.log, skip }, async ({ err }) => {
    if (err) app.log.fatal({ err }, 'the process ends of an error')
    isEnding = true
    announce()
    await listening.catch(() => {})
    // Before the close, so that a client whose connection ends does not get in again.
    await Promise.all(ends.map((end) => end.stopListening()))
    await Promise.all(servers.map((server) => server.close())).finally(() => db.close())
  })
  if (delayMs > 0) {
    delayEndAtSigterm({ delayMs, log: app.log, announce, hasBegun: () => isEnding, begin: grace.close })
  }
  leaveSignals()
  // Not before the handlers: the first server serves while the second one begins to listen.
  listening = listenAll(servers, config)
  await listening
  if (isEnding) return
  app.log.info({ database: db.kind, migrations: db.appliedMigrations, issuer: nameIssuer(config) }, 'ready')
  process.stdout.write(writeWelcome(config, openingUrl) ?? '')
}

const nameIssuer = ({ issuer, singleUser }: Config) => (singleUser === null ? (issuer ?? 'embedded') : 'none')

main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`)
  process.exit(exitCodeOf(error))
})
