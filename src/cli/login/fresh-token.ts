import { CommandFailed, exitCodes } from '../exit-codes.js'
import { withLock } from '../file-lock.js'
import { finishFirst } from '../finish-first.js'
import type { Terminal } from '../terminal.js'
import { discoverProvider, explainFailure, LoginRefused, storeTokens } from './identity-provider.js'
import {
  adviseLogin,
  findLoginFile,
  type KnownService,
  readLogin,
  removeLogin,
  type StoredLogin,
  writeLogin,
} from './stored-login.js'

/** A call that begins with a token still has to arrive. */
const reserveMs = 30_000

/**
 * Gives the access token of whoever is logged in there, renewed where it is about to end.
 * @returns asked before each call, so that a long list outlives its first token
 * @throws CommandFailed where nobody is logged in any more
 */
export function tokenSource(terminal: Terminal, service: KnownService): () => Promise<string> {
  let known: StoredLogin | null = null
  return async () => {
    if (known === null || !isFresh(known, terminal)) known = await findFreshLogin(terminal, service)
    return known.accessToken
  }
}

async function findFreshLogin(terminal: Terminal, service: KnownService): Promise<StoredLogin> {
  const login = await requireLogin(terminal, service)
  if (isFresh(login, terminal)) return login
  return withLock(await findLoginFile(terminal, service), async () => {
    // Another program may have renewed it while this one waited: an old refresh token must never be sent again, or
    // the identity provider takes it for stolen and ends the login (RFC 9700 §4.14.2).
    const now = await requireLogin(terminal, service)
    return isFresh(now, terminal) ? now : finishFirst(refresh(terminal, service, now))
  })
}

/** A clock that was set back since makes no token live longer. */
function isFresh({ obtainedAt, expiresAt }: StoredLogin, { clock }: Terminal): boolean {
  const now = clock()
  return now >= obtainedAt && now < expiresAt - reserveMs
}

async function requireLogin(terminal: Terminal, service: KnownService): Promise<StoredLogin> {
  const login = await readLogin(terminal, service)
  if (login !== null) return login
  throw new CommandFailed(
    exitCodes.notLoggedIn,
    `nobody is logged in at ${service.profile.url}: ${adviseLogin(service)}`,
  )
}

/** Whoever is killed between the answer and the write has to log in again: the old token is used up then. */
async function refresh(terminal: Terminal, service: KnownService, login: StoredLogin): Promise<StoredLogin> {
  if (login.refreshToken === null) return endDeadLogin(terminal, service)
  const { openid, configuration, issuer } = await discoverProvider(service)
  try {
    const answer = openid.refreshTokenGrant(configuration, login.refreshToken)
    const renewed = storeTokens(terminal, await explainFailure(issuer, answer), login.refreshToken)
    await writeLogin(terminal, service, renewed)
    return renewed
  } catch (error) {
    if (error instanceof LoginRefused && error.error === 'invalid_grant')
      return endDeadLogin(terminal, service)
    throw error
  }
}

async function endDeadLogin(terminal: Terminal, service: KnownService): Promise<never> {
  await removeLogin(terminal, service)
  throw new CommandFailed(
    exitCodes.notLoggedIn,
    `the login at ${service.profile.url} has ended. Log in again: latchkey login`,
  )
}
