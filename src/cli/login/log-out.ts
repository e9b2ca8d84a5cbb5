import { findDestination } from '../destination.js'
import { report, type Terminal } from '../terminal.js'
import { endLogin } from './end-login.js'

/** Ends the login; nothing is wrong where there is none. */
export async function logOut(terminal: Terminal, options: { profile?: string }): Promise<void> {
  const { url, known } = await findDestination(terminal, options)
  const wasLoggedIn = known !== null && (await endLogin(terminal, known))
  report(terminal, wasLoggedIn ? `Logged out at ${url}.` : `Nobody is logged in at ${url}.`)
}
