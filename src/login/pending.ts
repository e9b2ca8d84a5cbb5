import { hkdfSync } from 'node:crypto'
import { EncryptJWT, jwtDecrypt } from 'jose'

/** A login that was sent to the identity provider and has not come back yet. */
export interface PendingLogin {
  state: string
  nonce: string
  codeVerifier: string
  returnTo: string
}

export const pendingLoginSeconds = 600

export interface PendingLogins {
  /** Seals a login under way for a cookie: readable and changeable by nobody but this service. */
  seal(login: PendingLogin): Promise<string>
  /** The login in a cookie; null when it is old, changed or none. */
  open(cookie: string | undefined): Promise<PendingLogin | null>
}

/** Keeps logins under way in the browser, so that someone who never comes back costs this service nothing. */
export function createPendingLogins(sessionSecret: string, clock: () => number): PendingLogins {
  const key = new Uint8Array(hkdfSync('sha256', sessionSecret, '', 'latchkey pending logins', 32))
  return { seal, open }

  function seal(login: PendingLogin): Promise<string> {
    const now = Math.floor(clock() / 1000)
    return new EncryptJWT({ login })
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .setExpirationTime(now + pendingLoginSeconds)
      .encrypt(key)
  }

  async function open(cookie: string | undefined): Promise<PendingLogin | null> {
    if (cookie === undefined || cookie === '') return null
    try {
      const { payload } = await jwtDecrypt<{ login: PendingLogin }>(cookie, key, {
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
        requiredClaims: ['exp', 'login'],
        currentDate: new Date(clock()),
      })
      return payload.login
    } catch {
      // Old, or not ours: as good as none.
      return null
    }
  }
}
