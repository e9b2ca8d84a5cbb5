import type { Database } from '../../src/store/database.js'
import { type Answer, startService, type TestService } from '../support/service.js'

export interface SingleUserService extends TestService {
  /** The one key. */
  key: string
}

/** The whole service in single-user mode. */
export async function startSingleUser(
  env: Record<string, string> = {},
  options: { db?: Database; hasGateway?: boolean } = {},
): Promise<SingleUserService> {
  const service = await startService({ SINGLE_USER: 'true', ...env }, options)
  const key = new URL(service.openingUrl ?? '').searchParams.get('api_key') ?? ''
  // By the printed name: pages asked for by another are led there.
  const { host } = new URL(service.url)
  return {
    ...service,
    key,
    inject: (request) => service.inject({ ...request, headers: { host, ...request.headers } }),
  }
}

/** Opens the printed URL as a browser does. @returns what it sends along from then on */
export async function openPrinted(service: SingleUserService): Promise<{ cookie: string; origin: string }> {
  const answer = await open(service, `/?api_key=${service.key}`)
  const [line = ''] = [answer.headers['set-cookie'] ?? ''].flat().map(String)
  if (answer.status !== 303 || line === '') throw new Error(`It did not let in: ${answer.body}`)
  return { cookie: line.split(';')[0] ?? '', origin: service.url }
}

export const open = (service: TestService, url: string): Promise<Answer> =>
  service.inject({ url, headers: { accept: 'text/html' } })

export const me = (service: TestService, headers: Record<string, string>): Promise<Answer> =>
  service.inject({ url: '/me', headers })
