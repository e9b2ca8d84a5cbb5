import { findDestination } from '../destination.js'
import { CommandFailed, exitCodes } from '../exit-codes.js'
import { withLock } from '../file-lock.js'
import { openClient } from '../session.js'
import { printable, report, type Terminal } from '../terminal.js'
import { discoverProvider, storeTokens } from './identity-provider.js'
import { findLoginFile, type KnownService, writeLogin } from './stored-login.js'

export interface LogInOptions {
  profile?: string
  device?: boolean
  browser: boolean
}

/** Logs a person in, in the browser of this machine or of another one, and tells who it is. */
export async function logIn(terminal: Terminal, options: LogInOptions): Promise<void> {
  const service = await requireProfile(terminal, options)
  const provider = await discoverProvider(service)
  const tokens = options.device
    ? await (await import('./device-flow.js')).askOnAnotherDevice(terminal, provider)
    : await (await import('./browser-flow.js')).askInBrowser(terminal, provider, options.browser)

  const login = storeTokens(terminal, tokens)
  await withLock(await findLoginFile(terminal, service), () => writeLogin(terminal, service, login))
  const client = await openClient({ url: service.profile.url, known: service }, { token: login.accessToken })
  const me = await client.me()
  report(terminal, `Logged in at ${service.profile.url} as ${printable(me.login)}.`)
  if (terminal.env.LATCHKEY_API_KEY) {
    report(terminal, 'LATCHKEY_API_KEY is set, and goes before this login until you unset it.')
  }
}

async function requireProfile(terminal: Terminal, options: LogInOptions): Promise<KnownService> {
  const { url, known } = await findDestination(terminal, options)
  if (known !== null) return known
  throw new CommandFailed(exitCodes.usage, `no profile stands for ${url}: latchkey profile create ${url}`)
}
