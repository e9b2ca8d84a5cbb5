import { rm } from 'node:fs/promises'
import { makeTemporaryFolder } from '../../test/e2e/support/folders.js'
import { createDatabase, type Postgresql } from '../../test/e2e/support/postgresql.js'
import { type Service, startService } from '../../test/e2e/support/service.js'
import { createBrowser, signIn } from '../../test/support/browser-flow.js'
import { startFakeIssuer } from '../../test/support/fake-issuer.js'
import { copyEmbedded } from '../stores.js'

/** A built service at its default log level, with its log in a file, and the person who makes keys there. */
export interface BenchService {
  service: Service
  /** Calls the service as an administrator. @returns the JSON of the answer */
  ask(method: string, path: string, body: object): Promise<unknown>
  stop(): Promise<void>
}

export interface NewKey {
  id: string
  value: string
}

/** On the embedded database, with the embedded identity provider. */
export async function startEmbedded(env: Record<string, string> = {}): Promise<BenchService> {
  const folder = await makeTemporaryFolder('bench-service')
  const service = await startService({
    folder,
    // An empty folder would be filled first, which takes longer than all the rest of the start.
    env: {
      LOGIN_RATE_PER_MINUTE: 'off',
      KEY_CHANGES_PER_HOUR: 'off',
      ...env,
      DATA_DIR: env.DATA_DIR ?? (await copyEmbedded(1)),
    },
  })
  return {
    service,
    ask: async (method, path, body) => {
      const browser = await logInAsAlice(service)
      const answer = await browser.request(`${service.url}${path}`, {
        method,
        headers: { origin: service.url, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      return readAnswer(`${method} ${path}`, answer)
    },
    stop: async () => {
      await service.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** On a PostgreSQL, with an identity provider that signs tokens in this process and is asked once. */
export async function startOnPostgresql(
  postgresql: Postgresql,
  env: Record<string, string> = {},
): Promise<BenchService> {
  const issuer = await startFakeIssuer()
  const service = await startService({
    env: {
      ...issuer.env,
      DATABASE_URL: await createDatabase(postgresql),
      DIRECTORY_URL: 'off',
      SESSION_SECRET: 'of the benchmark, 32 characters and more',
      KEY_ENCRYPTION_SECRET: 'of the benchmark, 32 characters and more, again',
      ...env,
    },
  })
  return {
    service,
    ask: async (method, path, body) => {
      const now = Math.floor(Date.now() / 1000)
      const token = await issuer.sign({
        ...{ iss: issuer.url, aud: 'latchkey', azp: 'latchkey', iat: now, exp: now + 300, typ: 'Bearer' },
        ...{ sub: 'alice-id', preferred_username: 'alice', realm_access: { roles: ['latchkey-admin'] } },
      })
      const answer = await fetch(`${service.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      return readAnswer(`${method} ${path}`, { status: answer.status, body: await answer.text() })
    },
    stop: async () => {
      await service.stop()
      await issuer.close()
    },
  }
}

/** Makes a key of alice. */
export async function createKey({ ask }: BenchService, wanted: object = {}): Promise<NewKey> {
  return (await ask('POST', '/api-keys', { name: 'bench', ...wanted })) as NewKey
}

/** Sets limits of all three kinds that no run comes near. */
export async function limitKey({ ask }: BenchService, { id }: NewKey): Promise<void> {
  const limits = { per_second: 1_000_000, per_day: 1_000_000_000, per_month: 1_000_000_000 }
  await ask('PATCH', `/admin/api-keys/${id}`, { limits })
}

function readAnswer(call: string, { status, body }: { status: number; body: string }): unknown {
  if (status >= 400) throw new Error(`${call}: ${status} ${body}`)
  return JSON.parse(body)
}

/** She is an administrator at the embedded identity provider. */
async function logInAsAlice({ url }: Service) {
  const browser = createBrowser()
  const { headers } = await browser.request(`${url}/auth/login`)
  const authorizationUrl = headers.get('location') ?? ''
  const callback = await signIn({ authorizationUrl, username: 'alice', password: 'alice-pw', browser })
  await browser.request(callback)
  return browser
}
