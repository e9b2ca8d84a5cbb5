import type { TokenEndpointResponse } from 'openid-client'
import { CommandFailed, exitCodes } from '../exit-codes.js'
import { report, type Terminal } from '../terminal.js'
import { explainFailure, type IdentityProvider, LoginRefused } from './identity-provider.js'
import { type Listener, listenForAnswer } from './loopback.js'
import { canOpenBrowser, openBrowser } from './open-browser.js'

/**
 * Logs somebody in with the browser of this machine: authorization code and PKCE, over a port of the loopback address.
 * @param opensBrowser false: only the address is printed
 * @throws CommandFailed where it was denied, or took longer than five minutes
 * @see RFC 8252
 */
export async function askInBrowser(
  terminal: Terminal,
  provider: IdentityProvider,
  opensBrowser: boolean,
): Promise<TokenEndpointResponse> {
  const { openid } = provider
  const state = openid.randomState()
  const listener = await listenForAnswer({ state })
  try {
    return await exchange(terminal, provider, { state, listener, opensBrowser })
  } finally {
    listener.close()
  }
}

async function exchange(
  terminal: Terminal,
  { openid, configuration, issuer }: IdentityProvider,
  { state, listener, opensBrowser }: { state: string; listener: Listener; opensBrowser: boolean },
): Promise<TokenEndpointResponse> {
  const nonce = openid.randomNonce()
  const verifier = openid.randomPKCECodeVerifier()
  const address = openid.buildAuthorizationUrl(configuration, {
    redirect_uri: listener.redirectUri,
    scope: 'openid',
    state,
    nonce,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  await invite(terminal, address.href, opensBrowser)

  const answer = await listener.answer
  try {
    const grant = openid.authorizationCodeGrant(configuration, answer, {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
      idTokenExpected: true,
    })
    return await explainFailure(issuer, grant)
  } catch (error) {
    if (!(error instanceof LoginRefused) || error.error !== 'access_denied') throw error
    throw new CommandFailed(exitCodes.refused, 'the login was denied')
  }
}

async function invite(terminal: Terminal, address: string, opensBrowser: boolean): Promise<void> {
  if (!opensBrowser) return report(terminal, `Log in here, in a browser of this machine:\n\n  ${address}\n`)
  if (!canOpenBrowser(terminal.env, process.platform)) {
    report(
      terminal,
      `No browser can be opened from here. Open this in a browser of this machine:\n\n  ${address}\n`,
    )
    return report(
      terminal,
      'or end this with Ctrl-C, and use a browser of another machine: latchkey login --device',
    )
  }
  report(terminal, `Log in in your browser. If it does not open, open this there:\n\n  ${address}\n`)
  await openBrowser(address)
}
