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

/** Logins under way in several tabs; with more, the cookie would outgrow the header. */
const maxPending = 4

export interface PendingLogins {
  /** Seals the logins under way for a cookie: readable and changeable by nobody but this service. */
  seal(pending: readonly PendingLogin[]): Promise<string>
  /** What a cookie holds; nothing when it is old, changed or none. */
  open(cookie: string | undefined): Promise<PendingLogin[]>
}

/** Keeps logins under way in the browser, so that someone who never comes back costs this service nothing. */
export function createPendingLogins(sessionSecret: string, clock: () => number): PendingLogins {
  const key = new Uint8Array(hkdfSync('sha256', sessionSecret, '', 'latchkey pending logins', 32))
  return { seal, open }

  function seal(pending: readonly PendingLogin[]): Promise<string> {
    const now = Math.floor(clock() / 1000)
    return new EncryptJWT({ pending: pending.slice(-maxPending) })
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .setExpirationTime(now + pendingLoginSeconds)
      .encrypt(key)
  }

  async function open(cookie: string | undefined): Promise<PendingLogin[]> {
    if (cookie === undefined || cookie === '') return []
    try {
      const { payload } = await jwtDecrypt<{ pending: PendingLogin[] }>(cookie, key, {
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
        currentDate: new Date(clock()),
      })
      return payload.pending
    } catch {
      // Old, or not ours: as good as none.
      return []
    }
  }
}
