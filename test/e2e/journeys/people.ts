import { setTimeout as delay } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import type { World } from './world.js'

const TOLD_WITHIN_MS = 30_000

/** Fills in the form of the identity provider; the embedded one has the ids of Keycloak's. */
export async function signIn(page: Page, person: string, password = `${person}-pw`): Promise<void> {
  await page.fill('#username', person)
  await page.fill('#password', password)
  await page.click('#kc-login')
}

/**
 * Goes to the form of the identity provider and no further.
 * @returns what of the callback's query tells which login comes back, and from whom (RFC 9207)
 */
export async function beginLogin(page: Page, world: World): Promise<{ query: string }> {
  const asking = page.waitForRequest(/\/protocol\/openid-connect\/auth\?/)
  await page.goto(`${world.url}/auth/login?return_to=/docs`)
  await page.locator('#password').waitFor()
  const url = new URL((await asking).url())
  const state = url.searchParams.get('state') ?? ''
  const iss = url.href.replace(/\/protocol\/.*$/, '')
  return { query: new URLSearchParams({ state, iss }).toString() }
}

/** Logs in by the bar of the documentation, and waits until the bar says so. */
export async function logInByBar(page: Page, world: World, person: string): Promise<void> {
  await page.goto(`${world.url}/docs`)
  await page.click('#login-bar-login')
  await signIn(page, person)
  await waitForBar(page, `Logged in as ${person}`)
}

/** Logs in without the documentation, which takes a browser a second to show. */
export async function logInQuickly(page: Page, world: World, person: string): Promise<void> {
  await page.goto(`${world.url}/auth/login?return_to=/health/live`)
  await signIn(page, person)
  await page.waitForURL(`${world.url}/health/live`)
}

export async function waitForBar(page: Page, text: string): Promise<void> {
  await page.locator('#login-bar-who', { hasText: text }).waitFor()
}

export interface Answer {
  status: number
  headers: Headers
  /** Parsed when it is JSON, `undefined` when there is none. */
  body: unknown
}

export interface NewKey {
  id: string
  name: string
  value: string
  created_at: string
  expires_at: string
}

/** A person who is logged in, for what a test needs beside what it shows: calls with the session, as a page makes them. */
export interface Account {
  call(method: string, path: string, body?: object): Promise<Answer>
  createKey(options?: { name?: string; expires_in?: number }): Promise<NewKey>
}

/** Logs a person in by the browser and keeps their session. */
export async function logIn(world: World, person: string): Promise<Account> {
  const visitor = await world.newVisitor()
  await logInQuickly(visitor.page, world, person)
  const cookie = await readCookies(visitor.page, world)
  await visitor.close()

  const call = async (method: string, path: string, body?: object) =>
    await ask(`${world.url}${path}`, {
      method,
      headers: { cookie, origin: world.url, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
  return {
    call,
    async createKey(options = {}) {
      const { status, body } = await call('POST', '/api-keys', { name: newName(), ...options })
      if (status !== 201) throw new Error(`No key was made (${status}): ${JSON.stringify(body)}`)
      // The answer of a creation, as the contract fixes it.
      return body as NewKey
    },
  }
}

/** The cookies that a browser would send with the next request. */
export async function readCookies(page: Page, world: World): Promise<string> {
  const cookies = await page.context().cookies(world.url)
  return cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
}

/** One request without any browser. */
export async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { redirect: 'manual', ...init })
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? undefined : isJson ? JSON.parse(text) : text,
  }
}

/**
 * Asks again while the answer is 503: on a busy machine a database or an issuer may be slow for a moment, and what was
 * answered so was not done.
 */
export async function askUntilTold(url: string, init: RequestInit = {}): Promise<Answer> {
  const deadline = Date.now() + TOLD_WITHIN_MS
  for (;;) {
    const answer = await ask(url, init)
    if (answer.status !== 503 || Date.now() >= deadline) return answer
    await delay(200)
  }
}

/** Who is logged in by the session of a browser, `null` for nobody. */
export async function readLogin(page: Page, world: World): Promise<unknown> {
  const { status, body } = await ask(`${world.url}/me`, {
    headers: { cookie: await readCookies(page, world) },
  })
  return status === 200 && typeof body === 'object' && body !== null ? Reflect.get(body, 'login') : null
}

let names = 0
/** A name for a key that no other key of this run has. */
export function newName(): string {
  names += 1
  return `Key ${process.pid}-${names}`
}
