import { LRUCache } from 'lru-cache'
import type Provider from 'oidc-provider'
import type { Configuration, Context } from 'oidc-provider'
import { deviceCodePage, deviceConfirmPage, deviceDeniedPage, deviceDonePage } from './device-pages.js'
import { endpoints, type Locations } from './locations.js'
import { errorPage } from './pages.js'

export const deviceGrantType = 'urn:ietf:params:oauth:grant-type:device_code'

/** Those of Keycloak, and of RFC 8628 §3.2 where nothing is said. */
const [intervalSeconds, slowerBySeconds] = [5, 5]
// A timer of the device may fire a little early, and the way here is not always as long.
const toleranceMs = 500

/** What went wrong with a code, by the name of the error; the rest is about the form and not the code. */
const faults: Record<string, string> = {
  NoCodeError: 'Enter the code.',
  NotFoundError: 'This code is not known. Is it the one on your terminal?',
  ExpiredError: 'This code has expired. Begin again in your terminal.',
  AlreadyUsedError: 'This code was used already. Begin again in your terminal.',
}

/** The pages of the device flow (RFC 8628 §3.3): the code, whether it is theirs, and how it ended. */
export function describeDeviceFlow({ issuer }: Locations): Configuration['features']['deviceFlow'] {
  const action = issuer.pathname + endpoints.device
  return {
    enabled: true,
    charset: 'base-20',
    mask: '****-****',
    // Nothing of it is shown, so nothing is kept.
    deviceInfo: () => ({}),
    // Its own form has an inline script, which the policy forbids.
    async userCodeInputSource(context, _form, _out, error) {
      context.type = 'html'
      if (error?.name === 'AbortedError') {
        context.body = deviceDeniedPage()
        return
      }
      const { session } = context.oidc
      const secret = session.state?.secret ?? ''
      if (error === undefined) {
        context.body = deviceCodePage({ action, secret })
        return
      }
      if (context.status < 400) context.status = 400
      if (!session.new) {
        context.body = deviceCodePage({ action, secret, error: describeFault(context, error) })
        return
      }
      // Its cookie is not sent after a failure, so no form could be answered; and the provider fails to keep it.
      session.touched = false
      const reason = 'It has expired, or was opened elsewhere.'
      context.body = errorPage('This page is out of date', reason, action)
    },
    async userCodeConfirmSource(context, form, client, _deviceInfo, userCode) {
      context.type = 'html'
      context.body = deviceConfirmPage({ form, clientId: client.clientId, userCode })
    },
    async successSource(context) {
      context.type = 'html'
      context.body = deviceDonePage(context.oidc.client.clientId)
    },
  }
}

function describeFault({ status }: Context, { name }: Error): string {
  if (status >= 500) return 'Something went wrong here.'
  return faults[name] ?? 'This page was out of date. Enter the code again.'
}

interface Polling {
  lastAt: number
  intervalMs: number
}

/**
 * Tells devices how often to ask, and those that ask sooner to ask less often (RFC 8628 §3.5), which oidc-provider
 * leaves to others.
 */
export function pacePolling(provider: Provider, maxDevices = 1000): void {
  const devices = new LRUCache<string, Polling>({ max: maxDevices })
  provider.use(async (context, next) => {
    await next()
    const { route, params } = context.oidc
    const body = context.body as { error?: string } // Both endpoints answer in JSON.
    if (route === 'device_authorization' && body.error === undefined) {
      context.body = { ...body, interval: intervalSeconds }
    }
    if (route === 'token' && body.error === 'authorization_pending') {
      const code = params?.device_code ?? ''
      const { isTooSoon, polling } = decidePace(devices.get(code), Date.now())
      devices.set(code, polling)
      if (isTooSoon) {
        context.body = { error: 'slow_down', error_description: 'ask less often, by five seconds' }
      }
    }
  })
}

/** How a device that must still wait goes on. */
export function decidePace(
  before: Polling | undefined,
  now: number,
): { isTooSoon: boolean; polling: Polling } {
  const intervalMs = before?.intervalMs ?? intervalSeconds * 1000
  const isTooSoon = before !== undefined && now - before.lastAt < intervalMs - toleranceMs
  const next = isTooSoon ? intervalMs + slowerBySeconds * 1000 : intervalMs
  return { isTooSoon, polling: { lastAt: now, intervalMs: next } }
}
