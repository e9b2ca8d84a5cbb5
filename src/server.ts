import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import { type Socket, Server as TcpServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { buildApps } from './app.js'
import { type Config, ConfigError, loadConfig, readEnvironment } from './config/load.js'
import { DeclarationInvalid } from './config/operator-files.js'
import { developmentAccounts, generateSigningKey } from './dev/index.js'
import { loadSecrets, type Secrets, SecretsUnreadable } from './secrets/startup.js'
import { type Database, openDatabase } from './store/database.js'
import { DirectoryInUse } from './store/directory-lock.js'
import { FolderUnopenable } from './store/embedded.js'
import { MigrationRefused } from './store/migrate.js'
import { StoreUnavailable } from './store/unavailable.js'

const require = createRequire(import.meta.url)
/** Less than the 30 s after which Kubernetes kills. */
const drainMs = 20_000
/** In which a connection in use has its next request, whose answer says that it is the last. */
const lastAnswerMs = 500

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
  const { app, gateway, openingUrl } = await buildApps({
    config,
    db,
    secrets: await findSecrets(config),
    version,
  })
  const all = gateway === null ? [app] : [app, gateway]
  const ends = all.map(endConnectionsAtClose)
  await listenAll(all, config)
  // Without such a file it means what it means to every process: that its terminal is gone.
  const files = [config.servicesFile, config.scopesFile, config.providerFile]
  const reloads = files.some((file) => file !== undefined) ? ['SIGHUP' as const] : []
  for (const signal of reloads) process.on(signal, () => void app.reloadDeclarations())
  closeWithGrace({ delay: drainMs, logger: app.log, skip: reloads }, async ({ err }) => {
    if (err) app.log.fatal({ err }, 'the process ends of an error')
    // First, so that whoever is told that their connection ends is not told to come in again.
    for (const stop of ends) stop()
    await Promise.all(all.map((one) => one.close())).finally(() => db.close())
  })
  app.log.info({ database: db.kind, migrations: db.appliedMigrations, issuer: nameIssuer(config) }, 'ready')
  if (openingUrl !== null) process.stdout.write(welcomeOne(config, openingUrl))
  else if (config.issuer === undefined) process.stdout.write(welcome(config))
}

/** @returns stops listening; the close that follows waits for the last connection */
function endConnectionsAtClose(app: FastifyInstance): () => void {
  let ended = Promise.resolve()
  const connections = followConnections(app.server)
  app.addHook('preClose', () => endConnections(app.server, connections, ended))
  return () => {
    ended = stopListening(app.server)
  }
}

/** @returns resolves when the last connection has ended too */
function stopListening(server: Server): Promise<void> {
  // Of the TCP server alone: HTTP's would also close the connections on which a request is just on its way.
  return new Promise((resolve) => TcpServer.prototype.close.call(server, () => resolve()))
}

/** Ends connections between two requests: while it closes, Fastify answers with `Connection: close`. */
async function endConnections(
  server: Server,
  connections: ReadonlySet<Socket>,
  ended: Promise<void>,
): Promise<void> {
  await Promise.race([ended, sleep(lastAnswerMs)])
  server.closeIdleConnections()
  // Browsers open some ahead: to Node one that nothing was ever said on is not idle.
  for (const socket of connections) if (socket.bytesRead === 0) socket.destroy()
  await ended
}

function followConnections(server: Server): ReadonlySet<Socket> {
  const connections = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  return connections
}

/** The port is not to be had; the message tells the operator why. */
class CannotListen extends Error {
  override readonly name = 'CannotListen'
}

const listenFaults: Record<string, (setting: string) => string> = {
  EADDRINUSE: (setting) => `another program listens there; stop it, or choose another ${setting}`,
  EADDRNOTAVAIL: () => 'HOST is no address of this machine',
  ENOTFOUND: () => 'HOST is no address and no known name',
  EACCES: (setting) => `the system does not allow this ${setting}`,
}

interface Place {
  name: 'service' | 'gateway'
  setting: 'PORT' | 'GATEWAY_PORT'
  host: string
  port: number
}

/** Where this process listens, in the order of `buildApps`. */
function listPlaces({ host, port, gateway }: Config): Place[] {
  const service: Place = { name: 'service', setting: 'PORT', host, port }
  if (gateway === null) return [service]
  return [service, { name: 'gateway', setting: 'GATEWAY_PORT', host, port: gateway.port }]
}

/**
 * Tries every port before the database is made, because that takes seconds. Another program may still take the port
 * before `listenAll`, which reports it then.
 * @throws CannotListen
 */
async function tryPorts(config: Config): Promise<void> {
  for (const place of listPlaces(config)) await listen(place, (address) => bindAndClose(address))
}

function bindAndClose(address: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = new TcpServer()
    server.once('error', reject)
    server.listen(address, () => server.close(() => resolve()))
  })
}

/** The service first: when its port is taken, the gateway must not have answered anybody. */
async function listenAll(apps: FastifyInstance[], config: Config): Promise<void> {
  const places = listPlaces(config)
  try {
    for (const [index, app] of apps.entries()) {
      const place = places[index]
      if (place !== undefined) await listen(place, (address) => app.listen(address))
    }
  } catch (error) {
    await apps[0]?.close()
    throw error
  }
}

/** @throws CannotListen */
async function listen(
  { name, setting, host, port }: Place,
  begin: (address: { host: string; port: number }) => Promise<unknown>,
): Promise<void> {
  try {
    await begin({ host, port })
  } catch (error) {
    const fault = listenFaults[(error as NodeJS.ErrnoException).code ?? '']
    throw fault === undefined
      ? error
      : new CannotListen(`The ${name} cannot listen on ${host} port ${port}: ${fault(setting)}`)
  }
}

/** `DATA_DIR` does not serve; the message tells the operator why. */
class CannotUseFolder extends Error {
  override readonly name = 'CannotUseFolder'
}

const folderFaults: Record<string, string> = {
  EACCES: 'the user that it runs as may not write there',
  EPERM: 'the user that it runs as may not write there',
  EROFS: 'it cannot be written to, for its file system is read-only or does not allow it',
  ENOENT: 'it cannot be made there',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'it is a file',
  ENOSPC: 'its disk is full',
  EDQUOT: 'its quota is spent',
}

/** Passes on what the work on `DATA_DIR` gives, or what is wrong with that folder. */
async function requireFolder<T>({ dataDir, databaseUrl }: Config, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const { code = '' } = (error instanceof StoreUnavailable ? error.cause : error) as NodeJS.ErrnoException
    const fault = folderFaults[code]
    if (databaseUrl !== undefined || fault === undefined) throw error
    throw new CannotUseFolder(`The service cannot use the folder ${resolve(dataDir)} (DATA_DIR): ${fault}`)
  }
}

async function findSecrets(config: Config): Promise<Pick<Secrets, 'sessionSecret'> & Partial<Secrets>> {
  const { sessionSecret } = config
  if (config.databaseUrl !== undefined && sessionSecret !== undefined) return { sessionSecret }
  const secrets = await requireFolder(config, loadSecrets(config.dataDir, generateSigningKey))
  return { ...secrets, ...(sessionSecret === undefined ? {} : { sessionSecret }) }
}

const nameIssuer = ({ issuer, singleUser }: Config) => (singleUser === null ? (issuer ?? 'embedded') : 'none')

/** The key stands here and nowhere else; one that was given is known to who gave it, and good for longer than this output should be. */
function welcomeOne({ publicUrl, gateway, singleUser }: Config, openingUrl: string): string {
  const given = `${publicUrl}/?api_key=$LATCHKEY_SINGLE_USER_API_KEY`
  return `
  Latchkey is ready, for one person: whoever has the key in this URL may do everything.

    Use the following URL: ${singleUser?.apiKey === undefined ? openingUrl : given}

    curl -H 'X-API-Key: YOUR_KEY' ${publicUrl}/catalog/collections
${nameGateway(gateway)}
`
}

const nameGateway = (gateway: Config['gateway']) =>
  gateway === null ? '' : `\n  The gateway for other services listens at ${gateway.publicUrl}\n`

function welcome({ publicUrl, gateway }: Config): string {
  const accounts = developmentAccounts
    .map(({ username, password }) => `${username} / ${password}`)
    .join('   ')
  return `
  Latchkey is ready, with an embedded database and an embedded identity provider (for development only).

    1. Open ${publicUrl}/docs
    2. Log in as ${accounts}
    3. Create a key, then call the example catalogue with it:

       curl -H 'X-API-Key: YOUR_KEY' ${publicUrl}/catalog/collections
${nameGateway(gateway)}
`
}

/** Faults that whoever starts the service can mend: the sentence tells how, and a stack would only hide it. */
const mendable = [
  ConfigError,
  DeclarationInvalid,
  SecretsUnreadable,
  CannotListen,
  CannotUseFolder,
  DirectoryInUse,
  FolderUnopenable,
  MigrationRefused,
]

function explain(error: unknown): string {
  if (error instanceof StoreUnavailable) {
    const { message, code } = error.cause as NodeJS.ErrnoException
    return `The database cannot be reached: ${message || code}`
  }
  if (error instanceof MigrationRefused && error.cause instanceof Error)
    return `${error.message}: ${error.cause.message}`
  if (mendable.some((fault) => error instanceof fault)) return (error as Error).message
  return String(error instanceof Error ? error.stack : error)
}

main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`)
  // 78 is EX_CONFIG of sysexits: starting again changes nothing.
  process.exit(error instanceof ConfigError || error instanceof DeclarationInvalid ? 78 : 1)
})
