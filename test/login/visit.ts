import type { InjectOptions } from 'fastify'
import type { FakeIssuer, FakeTokens } from '../support/fake-issuer.js'
import type { Answer, TestService } from '../support/service.js'

/** How a browser asks for a page. */
export const asPage = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
export const sameOrigin = { 'sec-fetch-site': 'same-origin' }

/** Asks at the public address, as a browser does. */
export const ask = (service: TestService, options: InjectOptions): Promise<Answer> =>
  service.inject({ ...options, headers: { host: new URL(service.url).host, ...options.headers } })

/** The `Set-Cookie` lines of an answer. */
export const setCookies = ({ headers }: Answer): string[] => [headers['set-cookie'] ?? []].flat().map(String)

/** `name=value` of the cookie that an answer sets; undefined where it sets none or clears it. */
export function cookieIn(answer: Answer, name: string): string | undefined {
  const line = setCookies(answer).find((one) => one.startsWith(name) && !/Max-Age=0(;|$)/.test(one))
  return line?.split(';')[0]
}

/** Whether a cookie is taken from the browser. */
export const clears = (answer: Answer, name: string): boolean =>
  setCookies(answer).some((line) => line.startsWith(name) && /Max-Age=0(;|$)/.test(line))

export interface BegunLogin {
  state: string
  nonce: string
  /** `name=value`, as the browser sends it back. */
  cookie: string
  answer: Answer
  authorizationUrl: URL
}

/** The first step: what the browser is sent away with. */
export async function beginLogin(
  service: TestService,
  path = '/auth/login',
  cookie = '',
): Promise<BegunLogin> {
  const answer = await ask(service, { url: path, headers: { ...asPage, cookie } })
  if (answer.status !== 302) throw new Error(`The login did not begin: ${answer.status} ${answer.body}`)
  const authorizationUrl = new URL(String(answer.headers.location))
  const parameter = (name: string) => authorizationUrl.searchParams.get(name) ?? ''
  const pending = cookieIn(answer, pendingName(service)) ?? ''
  return { state: parameter('state'), nonce: parameter('nonce'), cookie: pending, answer, authorizationUrl }
}

const isHttps = ({ config }: TestService) => config.publicUrl.startsWith('https:')
export const sessionName = (service: TestService) => `${isHttps(service) ? '__Host-' : ''}latchkey_session`
export const pendingName = (service: TestService) => `${isHttps(service) ? '__Host-' : ''}latchkey_login_`

/** The last step, as the identity provider sends the browser back. */
export function comeBack(
  service: TestService,
  query: Record<string, string>,
  cookie: string,
  headers: Record<string, string> = asPage,
): Promise<Answer> {
  const url = `/auth/callback?${new URLSearchParams(query)}`
  return ask(service, { url, headers: { ...headers, cookie } })
}

/** A whole login at the fake issuer. @returns the `name=value` of the session's cookie, and the last answer */
export async function logInAt(
  issuer: FakeIssuer,
  service: TestService,
  tokens: Omit<FakeTokens, 'nonce'> = {},
  cookie = '',
): Promise<{ session: string; answer: Answer; login: BegunLogin; code: string }> {
  const login = await beginLogin(service, '/auth/login', cookie)
  const code = issuer.grant({ ...tokens, nonce: login.nonce })
  const cookies = [cookie, login.cookie].filter((one) => one !== '').join('; ')
  const answer = await comeBack(service, { code, state: login.state }, cookies)
  const session = cookieIn(answer, sessionName(service))
  if (session === undefined) throw new Error(`The login made no session: ${answer.status} ${answer.body}`)
  return { session, answer, login, code }
}

/** Who the service takes the holder of a cookie for; undefined: nobody. */
export async function whoIs(
  service: TestService,
  cookie: string,
): Promise<Record<string, unknown> | undefined> {
  const answer = await ask(service, { url: '/me', headers: { cookie } })
  return answer.status === 200 ? answer.json : undefined
}
