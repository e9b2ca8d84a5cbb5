import { vi } from 'vitest'
import { type Browser, type Page, submitForm } from '../support/browser-flow.js'
import { cliClientId, logIn, type World } from './world.js'

export const grantType = 'urn:ietf:params:oauth:grant-type:device_code'

export interface Device {
  device_code: string
  user_code: string
  verification_uri_complete: string
}

/** A form to an endpoint, as programs send it. */
export async function post({ issuer }: World, endpoint: string, form: Record<string, string>) {
  const body = new URLSearchParams(form)
  const answer = await fetch(`${issuer}/protocol/openid-connect/${endpoint}`, { method: 'POST', body })
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects and fails where it is not there.
  return { status: answer.status, json: (await answer.json()) as any }
}

export async function begin(world: World, more: Record<string, string> = {}): Promise<Device> {
  return (await post(world, 'auth/device', { client_id: cliClientId, scope: 'openid', ...more })).json
}

export const poll = (world: World, device_code: string, client_id = cliClientId) =>
  post(world, 'token', { grant_type: grantType, client_id, device_code })

export const refresh = (world: World, refresh_token: string) =>
  post(world, 'token', { grant_type: 'refresh_token', client_id: cliClientId, refresh_token })

export const openForm = async (browser: Browser, { issuer }: World) =>
  asPage(await browser.visit(`${issuer}/device`))

/** Types the code into the form. */
export async function enter(browser: Browser, world: World, user_code: string): Promise<Page> {
  return asPage(await submitForm(browser, await openForm(browser, world), { user_code }))
}

/** A device, and the browser of alice, who is signed in. */
export async function beginSignedIn(world: World) {
  const { browser } = await logIn(world)
  return { browser, device: await begin(world) }
}

/** A device that alice has let in, and that has not asked yet. */
export async function letIn(world: World) {
  const { browser, device } = await beginSignedIn(world)
  await submitForm(browser, await enter(browser, world, device.user_code), {})
  return { browser, device }
}

export function asPage(shown: Page | URL): Page {
  if (shown instanceof URL) throw new Error(`expected a page, not ${shown.href}`)
  return shown
}

/** Moves the clock of the provider, which is the system's. */
export function passSeconds(seconds: number) {
  const now = Date.now()
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.setSystemTime(now + seconds * 1000)
}
