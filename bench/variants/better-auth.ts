import { randomBytes } from 'node:crypto'
import { apiKey } from '@better-auth/api-key'
import { type BetterAuthOptions, betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { getMigrations } from 'better-auth/db/migration'
import pg from 'pg'
import { addRoute, createService, type Server } from './service.js'

// Each with its limit of 10 calls a day off, since the hook beside it has none; nothing else is taken from it.
const rateLimit = { enabled: false }
/** Keys of one person, as in the variants of the hook. */
const keys = 20

/** Its cheapest setup: keys in a store beside the database, here a Map, and their last use noted after the answer. */
export function openWithSecondaryStorage(): Promise<Server> {
  const entries = new Map<string, string>()
  const secondaryStorage = {
    get: async (key: string) => entries.get(key) ?? null,
    set: async (key: string, value: string) => void entries.set(key, value),
    delete: async (key: string) => void entries.delete(key),
    // In one process nothing comes between the two.
    getAndDelete: async (key: string) => {
      const value = entries.get(key) ?? null
      entries.delete(key)
      return value
    },
    increment: async (key: string) => {
      const count = Number(entries.get(key) ?? 0) + 1
      entries.set(key, String(count))
      return count
    },
  }
  return openGuarded(
    {
      database: inMemory(),
      secondaryStorage,
      advanced: { backgroundTasks: { handler: (task) => void task } },
    },
    { storage: 'secondary-storage', deferUpdates: true },
  )
}

export const openWithMemoryAdapter = () => openGuarded({ database: inMemory() }, {})

/** @param url of an empty database */
export async function openWithPostgresql(url: string): Promise<Server> {
  const database = new pg.Pool({ connectionString: url })
  await database.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
  const { runMigrations } = await getMigrations({ ...common, database, plugins: [apiKey({ rateLimit })] })
  await runMigrations()
  return openGuarded({ database }, {})
}

const inMemory = () =>
  memoryAdapter({ user: [], session: [], account: [], verification: [], apikey: [], rateLimit: [] })

const common = {
  secret: randomBytes(32).toString('hex'),
  baseURL: 'http://127.0.0.1',
  emailAndPassword: { enabled: true },
  telemetry: { enabled: false },
  logger: { disabled: true },
} satisfies BetterAuthOptions

type ApiKeyOptions = NonNullable<Exclude<Parameters<typeof apiKey>[0], unknown[]>>

async function openGuarded(place: Omit<BetterAuthOptions, 'plugins'>, options: ApiKeyOptions) {
  const { api } = betterAuth({ ...common, ...place, plugins: [apiKey({ ...options, rateLimit })] })
  const person = {
    name: 'Alice Example',
    email: 'alice@example.org',
    password: randomBytes(16).toString('hex'),
  }
  const { user } = await api.signUpEmail({ body: person })
  let key = ''
  for (let count = 0; count < keys; count++) {
    const made = await api.createApiKey({ body: { name: `Key ${count}`, userId: user.id } })
    key = made.key
  }

  const app = createService()
  app.addHook('onRequest', async (request, reply) => {
    const presented = String(request.headers['x-api-key'] ?? '')
    const { valid } = await api.verifyApiKey({ body: { key: presented } })
    if (!valid) return reply.code(401).send()
  })
  addRoute(app)
  return { app, credential: { 'X-API-Key': key } }
}
