import { randomUUID } from 'node:crypto'
import { createServer } from 'node:net'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { importJWK, SignJWT } from 'jose'
import { buildApps } from '../../src/app.js'
import { type Config, loadConfig } from '../../src/config/load.js'
import { developmentAccounts, embeddedIssuer, generateSigningKey } from '../../src/dev/index.js'
import type { DirectorySource } from '../../src/directory/source.js'
import type { Resolve } from '../../src/services/target-policy.js'
import type { Database } from '../../src/store/database.js'
import { openTestDatabase } from './database.js'

/** The time as the service sees it; the test moves it. */
export interface TestClock {
  now(): number
  advance(ms: number): void
  /** Stands still at this instant from now on. */
  freeze(at: Date | string): void
}

export interface TokenWishes {
  /** Of the development accounts, or any other subject with these claims. */
  person?: 'alice' | 'bob'
  /** Replaces or adds claims; undefined removes one. */
  claims?: Record<string, unknown>
  header?: Record<string, unknown>
  /** Default: this service's own client. */
  clientId?: string
  lifetimeSeconds?: number
}

export interface TestService {
  app: FastifyInstance
  /** Null unless the test asks for one. */
  gateway: FastifyInstance | null
  gatewayUrl: string
  /** What a start in single-user mode prints. */
  openingUrl: string | null
  db: Database
  config: Config
  url: string
  clock: TestClock
  /** Everything that was logged, a line each. */
  log: string[]
  /** An access token as the embedded identity provider signs it, or one with something wrong. */
  token(wishes?: TokenWishes): Promise<string>
  /** Headers of an OAuth2 token of that person. */
  as(person: 'alice' | 'bob', wishes?: TokenWishes): Promise<{ authorization: string }>
  /** Makes a key through the front door. */
  createKey(person: 'alice' | 'bob', wanted?: Record<string, unknown>): Promise<CreatedKey>
  inject(options: InjectOptions): Promise<Answer>
  close(): Promise<void>
}

export interface CreatedKey {
  id: string
  value: string
  [member: string]: unknown
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | number | undefined>
  body: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects and fails where it is not there.
  json: any
}

let signingKey: ReturnType<typeof generateSigningKey> | undefined

/** The whole service on an embedded database in memory, listening, since it is also its own identity provider. */
export async function startService(
  env: Record<string, string> = {},
  options: {
    db?: Database
    directory?: DirectorySource
    /** Aborts a question to the identity provider that takes longer. */
    timeout?: (ms: number) => AbortSignal
    /** Looks up the hosts of services. */
    resolve?: Resolve
    /** Whether the gateway listens too. */
    hasGateway?: boolean
    /** Called with each server before it listens. */
    prepare?: (server: FastifyInstance) => void
  } = {},
): Promise<TestService> {
  signingKey ??= generateSigningKey()
  const jwk = await signingKey
  const port = await findFreePort()
  const gatewayPort = options.hasGateway === true ? String(await findFreePort()) : 'off'
  const config = loadConfig({
    PORT: String(port),
    GATEWAY_PORT: gatewayPort,
    LOGIN_RATE_PER_MINUTE: 'off',
    REFUSED_RATE_PER_MINUTE: 'off',
    ...env,
  })
  const db = options.db ?? (await openTestDatabase())
  const clock = createClock()
  const log: string[] = []
  const { app, gateway, openingUrl } = await buildApps({
    config,
    db,
    secrets: { sessionSecret: 's'.repeat(32), embeddedClientSecret: 'c'.repeat(32), signingKey: jwk },
    version: '0.0.0-test',
    clock: clock.now,
    ...(options.directory === undefined ? {} : { directory: options.directory }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
    ...(options.resolve === undefined ? {} : { resolve: options.resolve }),
    logStream: { write: (line) => log.push(line) },
  })
  for (const server of [app, gateway]) if (server !== null) options.prepare?.(server)
  await app.listen({ host: '127.0.0.1', port })
  await gateway?.listen({ host: '127.0.0.1', port: Number(gatewayPort) })
  const issuer = embeddedIssuer(config.publicUrl)

  const gatewayUrl = `http://127.0.0.1:${gatewayPort}`
  return {
    app,
    gateway,
    gatewayUrl,
    openingUrl,
    db,
    config,
    url: config.publicUrl,
    clock,
    log,
    token,
    as,
    createKey,
    inject,
    close,
  }

  async function token(wishes: TokenWishes = {}): Promise<string> {
    const account = developmentAccounts.find(({ username }) => username === (wishes.person ?? 'alice'))
    const seconds = Math.floor(clock.now() / 1000)
    const claims: Record<string, unknown> = {
      iss: issuer,
      sub: account?.sub,
      aud: config.clientId,
      azp: wishes.clientId ?? config.clientId,
      typ: 'Bearer',
      iat: seconds,
      exp: seconds + (wishes.lifetimeSeconds ?? 300),
      jti: randomUUID(),
      preferred_username: account?.username,
      name: account && `${account.firstName} ${account.lastName}`,
      email: account?.email,
      realm_access: { roles: ['rspy-user'] },
      resource_access: { [config.clientId]: { roles: ['catalog_read'] } },
      ...wishes.claims,
    }
    return new SignJWT(claims)
      .setProtectedHeader({
        alg: 'RS256',
        typ: 'JWT',
        ...(jwk.kid === undefined ? {} : { kid: jwk.kid }),
        ...wishes.header,
      })
      .sign(await importJWK(jwk, 'RS256'))
  }

  async function as(person: 'alice' | 'bob', wishes: TokenWishes = {}) {
    return { authorization: `Bearer ${await token({ person, ...wishes })}` }
  }

  async function createKey(
    person: 'alice' | 'bob',
    wanted: Record<string, unknown> = {},
  ): Promise<CreatedKey> {
    const payload = { name: randomUUID(), ...wanted }
    const answer = await inject({ method: 'POST', url: '/api-keys', headers: await as(person), payload })
    if (answer.status !== 201) throw new Error(`The key was not made: ${answer.body}`)
    return answer.json
  }

  async function inject(options: InjectOptions): Promise<Answer> {
    const response = await app.inject(options)
    const isJson = response.body !== '' && /json/.test(String(response.headers['content-type']))
    return {
      status: response.statusCode,
      headers: response.headers,
      body: response.body,
      json: isJson ? response.json() : undefined,
    }
  }

  async function close() {
    await app.close()
    await db.close()
  }
}

function createClock(): TestClock {
  let offset = 0
  let frozenAt: number | undefined
  return {
    now: () => frozenAt ?? Date.now() + offset,
    advance: (ms) => {
      if (frozenAt === undefined) offset += ms
      else frozenAt += ms
    },
    freeze: (at) => {
      frozenAt = new Date(at).getTime()
    },
  }
}

export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
