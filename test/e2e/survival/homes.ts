import { rm } from 'node:fs/promises'
import { createBrowser, signIn } from '../../support/browser-flow.js'
import { startIssuer } from '../../support/failing-issuer.js'
import { askUntilTold } from '../journeys/people.js'
import { makeTemporaryFolder } from '../support/folders.js'
import { findFreePort } from '../support/ports.js'
import { createDatabase, type PostgresqlAddress } from '../support/postgresql.js'
import { type Service, startService } from '../support/service.js'
import { settingsFor } from '../support/settings.js'

/** Where a service lives: its port and its data outlast it, however it ends. */
export interface Home {
  kind: 'embedded' | 'postgresql'
  url: string
  /** Starts the built service here, and resolves when it is ready. */
  start(): Promise<Service>
  /** Headers by which a person manages keys; to be asked for while the service runs. */
  findHeaders(): Promise<Record<string, string>>
  /** Removes the data; the service must have ended. */
  remove(): Promise<void>
}

// A load makes more keys and is refused more often than any person.
const limits = {
  MAX_KEYS_PER_USER: '1000000',
  KEY_CHANGES_PER_HOUR: 'off',
  LOGIN_RATE_PER_MINUTE: 'off',
  REFUSED_RATE_PER_MINUTE: 'off',
}

/**
 * As `npm start` gives it: the embedded database and the embedded identity provider. The person is logged in once, and
 * their session has to survive as everything else has.
 * @param folder default: a new one; the data lies in `data` of it
 */
export async function makeEmbeddedHome(folder?: string): Promise<Home> {
  const port = await findFreePort()
  const home = folder ?? (await makeTemporaryFolder('home'))
  const url = `http://127.0.0.1:${port}`
  let cookie: Promise<string> | undefined
  return {
    kind: 'embedded',
    url,
    start: async () => await startService({ env: limits, port, folder: home }),
    findHeaders: async () => {
      cookie ??= logIn(url)
      return { cookie: await cookie, origin: url }
    },
    remove: async () => await rm(home, { recursive: true, force: true }),
  }
}

/** As in production, on a database of its own. The identity provider is not what is tried here, and is a small one. */
export async function makePostgresqlHome(postgresql: PostgresqlAddress): Promise<Home> {
  const port = await findFreePort()
  const folder = await makeTemporaryFolder('home')
  const issuer = await startIssuer()
  const env = { ...settingsFor({ issuer: issuer.url }, await createDatabase(postgresql)), ...limits }
  return {
    kind: 'postgresql',
    url: `http://127.0.0.1:${port}`,
    start: async () => await startService({ env, port, folder }),
    findHeaders: async () => ({ authorization: `Bearer ${await issuer.token(Date.now)}` }),
    remove: async () => {
      await issuer.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function logIn(url: string): Promise<string> {
  const browser = createBrowser()
  // Just after the start a busy service may not have the identity provider's answer yet.
  await askUntilTold(`${url}/auth/login`)
  const begun = await browser.request(`${url}/auth/login`)
  const authorizationUrl = begun.headers.get('location') ?? ''
  await browser.request(await signIn({ authorizationUrl, username: 'bob', password: 'bob-pw', browser }))
  return browser.cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
}
