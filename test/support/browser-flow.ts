/** As much of a browser as a login needs: cookies, redirects and forms over `fetch`, no scripts. */

type Fetch = typeof globalThis.fetch

export interface Page {
  url: URL
  status: number
  headers: Headers
  body: string
}

interface Cookie {
  name: string
  value: string
  host: string
  path: string
}

export interface Browser {
  readonly cookies: readonly Cookie[]
  /** One request with the cookies that belong to it; redirects are not followed. */
  request(url: string | URL, init?: RequestInit): Promise<Page>
  /** Follows redirects, up to the first that `isEnd` holds for; that one is not asked for. */
  visit(url: string | URL, init?: RequestInit, isEnd?: (url: URL) => boolean): Promise<Page | URL>
}

/** A browser with an empty cookie jar. */
export function createBrowser(fetch: Fetch = globalThis.fetch): Browser {
  const cookies: Cookie[] = []

  async function request(url: string | URL, init: RequestInit = {}): Promise<Page> {
    const target = new URL(url)
    const headers = new Headers(init.headers)
    if (!headers.has('accept')) headers.set('accept', 'text/html,*/*;q=0.8')
    const own = cookies.filter((cookie) => belongsTo(cookie, target))
    if (own.length > 0) headers.set('cookie', own.map(({ name, value }) => `${name}=${value}`).join('; '))

    const response = await fetch(target, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) keepCookie(cookies, line, target)
    return { url: target, status: response.status, headers: response.headers, body: await response.text() }
  }

  async function visit(url: string | URL, init: RequestInit = {}, isEnd = (_url: URL) => false) {
    let page = await request(url, init)
    for (let hops = 0; hops < 20; hops += 1) {
      const location = page.headers.get('location')
      if (page.status < 300 || page.status > 399 || location === null) return page
      const next = new URL(location, page.url)
      if (isEnd(next)) return next
      page = await request(next)
    }
    throw new Error(`The redirects do not end; the last was to ${page.url.pathname}`)
  }

  return { cookies, request, visit }
}

/** Sends the page's only form: its hidden fields together with `fields`. */
export function submitForm(
  browser: Browser,
  page: Page,
  fields: Record<string, string>,
  isEnd?: (url: URL) => boolean,
): Promise<Page | URL> {
  const [, action = ''] = /<form[^>]* action="([^"]*)"/.exec(page.body) ?? []
  const hidden = [...page.body.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)]
  const body = new URLSearchParams()
  for (const [, name = '', value = ''] of hidden) body.set(name, decodeHtml(value))
  for (const [name, value] of Object.entries(fields)) body.set(name, value)
  return browser.visit(new URL(decodeHtml(action), page.url), { method: 'POST', body }, isEnd)
}

/** The identity provider showed a page where it should have gone back to the client. */
export class SignInRefused extends Error {
  override readonly name = 'SignInRefused'
  constructor(readonly page: Page) {
    super(`The sign-in ended with status ${page.status} on ${page.url.pathname}`)
  }
}

export interface SignInOptions {
  /** Its `redirect_uri` is where the client waits. */
  authorizationUrl: string | URL
  username: string
  password: string
  fetch?: Fetch
  /** One that may be signed in already; then the password is not asked for. Default: a new one. */
  browser?: Browser
}

/**
 * Signs in as a person would, at the embedded identity provider or at a Keycloak.
 * @returns the redirect to the client, not yet followed: with a code, or with an error
 * @throws SignInRefused with the page that was shown instead
 */
export async function signIn(options: SignInOptions): Promise<URL> {
  const { authorizationUrl, username, password, browser = createBrowser(options.fetch) } = options
  const client = new URL(new URL(authorizationUrl).searchParams.get('redirect_uri') ?? 'about:blank')
  const isClient = ({ origin, pathname }: URL) => origin === client.origin && pathname === client.pathname

  const first = await browser.visit(authorizationUrl, {}, isClient)
  if (first instanceof URL) return first
  if (!first.body.includes('id="kc-login"')) throw new SignInRefused(first)
  const last = await submitForm(browser, first, { username, password }, isClient)
  if (last instanceof URL) return last
  throw new SignInRefused(last)
}

function keepCookie(cookies: Cookie[], line: string, { hostname, pathname }: URL) {
  const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
  const attribute = (name: string) =>
    attributes.find((part) => part.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1)
  const [name = '', ...value] = pair.split('=')
  const path = attribute('path') ?? (pathname.slice(0, pathname.lastIndexOf('/')) || '/')

  const known = cookies.findIndex(
    (other) => other.name === name && other.host === hostname && other.path === path,
  )
  if (known >= 0) cookies.splice(known, 1)
  const expires = attribute('expires')
  const isExpired = attribute('max-age') === '0' || (expires !== undefined && new Date(expires) <= new Date())
  if (!isExpired) cookies.push({ name, value: value.join('='), host: hostname, path })
}

/** RFC 6265 §5.1.4; like browsers, it tells ports of one host not apart. */
function belongsTo({ host, path }: Cookie, { hostname, pathname }: URL): boolean {
  if (host !== hostname) return false
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`)
}

function decodeHtml(text: string): string {
  return text
    .replace(/&#(\d+);/g, (_all, code: string) => String.fromCharCode(Number(code)))
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}
