import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import closeWithGrace from 'close-with-grace'
import { buildApp } from './app.js'
import { type Config, ConfigError, loadConfig, readEnvironment } from './config.js'
import { developmentAccounts, generateSigningKey } from './dev/index.js'
import { loadSecrets, type Secrets } from './secrets.js'
import { openDatabase } from './store/database.js'

const require = createRequire(import.meta.url)
/** Less than the 30 s after which Kubernetes kills. */
const drainMs = 20_000

/** The process: settings, database, service, and their end in the opposite order. */
async function main(): Promise<void> {
  const config = loadConfig(readEnvironment())
  const packageFile = require.resolve('#package/package.json')
  const db = await openDatabase({
    url: config.databaseUrl,
    dataDir: config.dataDir,
    migrationsDir: join(dirname(packageFile), 'prisma', 'migrations'),
    log: (message, details) => process.stderr.write(`${message}: ${String(details.error)}\n`),
  })
  const secrets = await findSecrets(config)
  const { version } = require(packageFile) as { version: string }
  const app = await buildApp({ config, db, secrets, version })
  await app.listen({ host: config.host, port: config.port })
  closeWithGrace({ delay: drainMs, logger: app.log }, async ({ err }) => {
    if (err) app.log.fatal({ err }, 'the process ends of an error')
    await app.close()
    await db.close()
  })
  app.log.info(
    { database: db.kind, migrations: db.appliedMigrations, issuer: config.issuer ?? 'embedded' },
    'ready',
  )
  if (config.issuer === undefined) process.stdout.write(welcome(config))
}

async function findSecrets(config: Config): Promise<Pick<Secrets, 'sessionSecret'> & Partial<Secrets>> {
  const { sessionSecret } = config
  if (config.databaseUrl !== undefined && sessionSecret !== undefined) return { sessionSecret }
  const secrets = await loadSecrets(config.dataDir, generateSigningKey)
  return { ...secrets, ...(sessionSecret === undefined ? {} : { sessionSecret }) }
}

function welcome({ publicUrl }: Config): string {
  const accounts = developmentAccounts
    .map(({ username, password }) => `${username} / ${password}`)
    .join('   ')
  return `
  Latchkey is ready, with an embedded database and an embedded identity provider (for development only).

    1. Open ${publicUrl}/docs
    2. Log in as ${accounts}
    3. Create a key, then call the example catalogue with it:

       curl -H 'X-API-Key: YOUR_KEY' ${publicUrl}/catalog/collections

`
}

main().catch((error: unknown) => {
  const known = error instanceof ConfigError
  process.stderr.write(`${known ? error.message : String(error instanceof Error ? error.stack : error)}\n`)
  process.exit(known ? 78 : 1)
})
