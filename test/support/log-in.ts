import { developmentAccounts } from '../../src/dev/index.js'
import { createBrowser, signIn } from './browser-flow.js'
import type { TestService } from './service.js'

export interface LoggedIn {
  /** What the browser of that person sends along. */
  cookie: string
}

/** Logs a person in as a browser does, over the embedded identity provider. */
export async function logIn({ url }: Pick<TestService, 'url'>, person: 'alice' | 'bob'): Promise<LoggedIn> {
  const account = developmentAccounts.find(({ username }) => username === person)
  const browser = createBrowser()
  const { headers } = await browser.request(`${url}/auth/login`)
  const callback = await signIn({
    authorizationUrl: headers.get('location') ?? '',
    username: person,
    password: account?.password ?? '',
    browser,
  })
  await browser.request(callback)
  const session = browser.cookies.find(({ name }) => name.endsWith('latchkey_session'))
  if (session === undefined) throw new Error('The login made no session')
  return { cookie: `${session.name}=${session.value}` }
}
