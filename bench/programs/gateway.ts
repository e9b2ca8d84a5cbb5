import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeTemporaryFolder } from '../../test/e2e/support/folders.js'
import { findFreePort } from '../../test/e2e/support/ports.js'
import { type Service, startService } from '../../test/e2e/support/service.js'
import { createBrowser, signIn } from '../../test/support/browser-flow.js'
import { readProcessCpu } from '../database-cpu.js'
import type { Ready } from '../messages.js'
import { asRequest } from '../requests.js'
import type { MeasuredServer } from '../rounds.js'
import { copyEmbedded } from '../stores.js'

/** The built service, with one service behind its gateway. */
export interface Gateway extends MeasuredServer {
  pid: number
}

export interface GatewayPlan {
  upstream: string
  /** Settings beyond those of every gateway here. */
  env?: Record<string, string>
  /** What its requests carry. */
  present(service: Service): Promise<Pick<Ready, 'storedKeys'> & { credential: Record<string, string> }>
}

const prefix = '/bench'

export async function openGateway({ upstream, env = {}, present }: GatewayPlan): Promise<Gateway> {
  const [port, folder] = [await findFreePort(), await makeTemporaryFolder('gateway')]
  const servicesFile = join(folder, 'services.json')
  await writeFile(servicesFile, JSON.stringify(servicesOf(upstream)))
  const service = await startService({
    folder,
    env: {
      LOG_LEVEL: 'error',
      LOGIN_RATE_PER_MINUTE: 'off',
      GATEWAY_PORT: String(port),
      SERVICES_FILE: servicesFile,
      // An empty folder would be filled anew each time, which takes longer than all the rest of the start.
      DATA_DIR: env.DATA_DIR ?? (await copyEmbedded(1)),
      ...env,
    },
  })
  const { credential, ...keys } = await present(service)
  return {
    pid: service.pid,
    ready: { port, request: asRequest(port, credential, prefix), status: 200, ...keys },
    readCpuMicros: async () => [...readProcessCpu(service.pid).values()].reduce((sum, one) => sum + one, 0),
    rest: async () => {},
    stop: async () => {
      await service.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const servicesOf = (target: string) => ({
  groups: [{ id: 'bench', name: 'Benchmark' }],
  services: [{ id: 'bench', name: 'Benchmark', group: 'bench', prefix, target }],
})

interface NewKey {
  id: string
  value: string
}

/** Makes a key of alice, through the API. */
export async function createKey(service: Service, wanted: object = {}): Promise<NewKey> {
  return (await askAsAlice(service, 'POST', '/api-keys', { name: 'bench', ...wanted })) as NewKey
}

/** Limits of all three kinds that no run comes near. */
export async function limitKey(service: Service, { id }: NewKey): Promise<void> {
  const limits = { per_second: 1_000_000, per_day: 1_000_000_000, per_month: 1_000_000_000 }
  await askAsAlice(service, 'PATCH', `/admin/api-keys/${id}`, { limits })
}

async function askAsAlice(service: Service, method: string, path: string, body: object): Promise<unknown> {
  const browser = await logInAsAlice(service)
  const answer = await browser.request(`${service.url}${path}`, {
    method,
    headers: { origin: service.url, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`)
  return JSON.parse(answer.body)
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
