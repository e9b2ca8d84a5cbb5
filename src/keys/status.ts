import type { KeyStatus } from '../schemas/key.js'

interface Life {
  revokedAt: Date | null
  enabled: boolean
  expiresAt: Date | null
  owner: { enabled: boolean }
}

/** The first that holds; a key is accepted only when it is `active`. A key ends at its last instant, not after it. */
export function statusOf(key: Life, now: Date): KeyStatus {
  if (key.revokedAt !== null) return 'revoked'
  if (!key.owner.enabled) return 'owner_disabled'
  if (!key.enabled) return 'disabled'
  return isExpired(key, now) ? 'expired' : 'active'
}

export const isExpired = ({ expiresAt }: Pick<Life, 'expiresAt'>, now: Date) =>
  expiresAt !== null && expiresAt <= now
