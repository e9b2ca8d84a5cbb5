import { join } from 'node:path'
import { findConfigFolder } from '../config-folder.js'
import { CommandFailed, exitCodes } from '../exit-codes.js'
import { readPrivateFile, removePrivateFile, writePrivateFile } from '../private-files.js'
import { isText, type Profile, parseObject } from '../profile/profiles.js'
import type { Terminal } from '../terminal.js'

/** A profile that somebody may be logged in to. */
export interface KnownService {
  readonly name: string
  readonly profile: Profile
}

/** The tokens of a login, and whom alone they may be shown to. */
export interface StoredLogin {
  readonly accessToken: string
  /** Null where the identity provider gives none. */
  readonly refreshToken: string | null
  /** Milliseconds since the epoch, by the clock of this machine. */
  readonly obtainedAt: number
  readonly expiresAt: number
}

/** What to do where nobody is logged in. */
export function adviseLogin({ profile }: Pick<KnownService, 'profile'>): string {
  return profile.login === null ? 'set LATCHKEY_API_KEY to its key' : 'latchkey login'
}

/** The file of a profile's tokens. */
export async function findLoginFile(
  terminal: Pick<Terminal, 'env'>,
  { name }: KnownService,
): Promise<string> {
  // A name alone could be one that Windows keeps for itself, as `con`.
  return join(await findConfigFolder(terminal), `login-${name}.json`)
}

/** Who is logged in there; null: nobody. @throws CommandFailed where the file is not as this program writes it */
export async function readLogin(
  terminal: Pick<Terminal, 'env'>,
  service: KnownService,
): Promise<StoredLogin | null> {
  const path = await findLoginFile(terminal, service)
  const text = await readPrivateFile(path)
  if (text === null) return null
  const login = parseLogin(text, service)
  if (login === null) {
    throw new CommandFailed(exitCodes.files, `${path} is broken: remove it, then: latchkey login`)
  }
  // The profile was changed by hand, or is another one of the same name: these tokens are not for it.
  return login === 'of-another' ? null : login
}

/** While the lock of the file is held. */
export async function writeLogin(
  terminal: Pick<Terminal, 'env'>,
  service: KnownService,
  login: StoredLogin,
): Promise<void> {
  const { url, login: client } = service.profile
  const document = { version: 1, url, issuer: client?.issuer, clientId: client?.clientId, ...login }
  await writePrivateFile(await findLoginFile(terminal, service), `${JSON.stringify(document, null, 2)}\n`)
}

/** While the lock of the file is held. */
export async function removeLogin(terminal: Pick<Terminal, 'env'>, service: KnownService): Promise<void> {
  await removePrivateFile(await findLoginFile(terminal, service))
}

function parseLogin(text: string, { profile }: KnownService): StoredLogin | 'of-another' | null {
  const { version, url, issuer, clientId, accessToken, refreshToken, obtainedAt, expiresAt } =
    parseObject(text) ?? {}
  const isWhole =
    version === 1 &&
    isText(url) &&
    isText(issuer) &&
    isText(clientId) &&
    isText(accessToken) &&
    (refreshToken === null || isText(refreshToken)) &&
    typeof obtainedAt === 'number' &&
    typeof expiresAt === 'number'
  if (!isWhole) return null
  const isOurs =
    url === profile.url && issuer === profile.login?.issuer && clientId === profile.login.clientId
  return isOurs ? { accessToken, refreshToken, obtainedAt, expiresAt } : 'of-another'
}
