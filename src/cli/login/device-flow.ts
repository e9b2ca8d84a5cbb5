import type { TokenEndpointResponse } from 'openid-client'
import { CommandFailed, exitCodes } from '../exit-codes.js'
import { emphasize, printable, report, type Terminal } from '../terminal.js'
import { explainFailure, type IdentityProvider, LoginRefused } from './identity-provider.js'

/**
 * Has somebody confirm a code in any browser, on whatever machine.
 * @throws CommandFailed where it was denied, or took too long
 * @see RFC 8628
 */
export async function askOnAnotherDevice(
  terminal: Terminal,
  { openid, configuration, issuer }: IdentityProvider,
): Promise<TokenEndpointResponse> {
  if (configuration.serverMetadata().device_authorization_endpoint === undefined) {
    throw new CommandFailed(exitCodes.refused, `the identity provider ${issuer} has no login by a code`)
  }
  // RFC 8628 knows no PKCE: Keycloak demands it here too of a client that must use it, and others overlook it.
  const verifier = openid.randomPKCECodeVerifier()
  const asked = openid.initiateDeviceAuthorization(configuration, {
    scope: 'openid',
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  const device = await explainFailure(issuer, asked)
  report(terminal, 'Open this address in a browser, on any machine, and type the code:\n')
  report(terminal, `  ${printable(device.verification_uri)}`)
  report(terminal, `  ${emphasize(terminal, printable(device.user_code))}\n`)
  if (device.verification_uri_complete !== undefined) {
    report(
      terminal,
      `Or this one, which holds the code:\n\n  ${printable(device.verification_uri_complete)}\n`,
    )
  }
  report(terminal, `Waiting; the code is good for ${describeMinutes(device.expires_in)}. Ctrl-C ends it.`)

  // Why the library gave up is not to be told from its error alone.
  const ending = AbortSignal.timeout(device.expires_in * 1000)
  try {
    const proof = { code_verifier: verifier }
    const polling = openid.pollDeviceAuthorizationGrant(configuration, device, proof, { signal: ending })
    return await explainFailure(issuer, polling)
  } catch (error) {
    if (ending.aborted) throw expired()
    throw explainRefusal(error)
  }
}

const expired = () => new CommandFailed(exitCodes.refused, 'the code was not confirmed in time: start again')

function explainRefusal(error: unknown): unknown {
  if (!(error instanceof LoginRefused)) return error
  if (error.error === 'expired_token') return expired()
  if (error.error === 'access_denied') return new CommandFailed(exitCodes.refused, 'the login was denied')
  return error
}

function describeMinutes(seconds: number): string {
  const minutes = Math.round(seconds / 60)
  if (minutes < 1) return `${seconds} seconds`
  return minutes === 1 ? 'a minute' : `${minutes} minutes`
}
