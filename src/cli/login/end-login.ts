import { CommandFailed } from '../exit-codes.js'
import { withLock } from '../file-lock.js'
import { report, type Terminal } from '../terminal.js'
import { discoverProvider, explainFailure } from './identity-provider.js'
import { findLoginFile, type KnownService, readLogin, removeLogin, type StoredLogin } from './stored-login.js'

/**
 * Has the tokens revoked, and removes them; also where the identity provider is away, which is told.
 * @returns whether anybody was logged in
 */
export async function endLogin(terminal: Terminal, service: KnownService): Promise<boolean> {
  return withLock(await findLoginFile(terminal, service), async () => {
    const login = await readLogin(terminal, service)
    // Before it asks anybody: whoever is killed now has no tokens left here, at least.
    await removeLogin(terminal, service)
    if (login !== null) await revoke(terminal, service, login)
    return login !== null
  })
}

/** @see RFC 7009 */
async function revoke(terminal: Terminal, service: KnownService, login: StoredLogin): Promise<void> {
  const token = login.refreshToken ?? login.accessToken
  const kind = login.refreshToken === null ? 'access_token' : 'refresh_token'
  try {
    const { openid, configuration, issuer } = await discoverProvider(service)
    const answer = openid.tokenRevocation(configuration, token, { token_type_hint: kind })
    await explainFailure(issuer, answer)
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error
    report(
      terminal,
      `latchkey: ${error.message}; the tokens are removed here, and there they end by themselves`,
    )
  }
}
