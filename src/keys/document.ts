import type { ApiKeyDocument } from '../schemas/key.js'
import { describeLimits } from '../schemas/limits.js'
import type { KeyRow } from '../store/keys.js'
import { statusOf } from './status.js'

/** A key as its owner sees it. Neither value nor hash is among its members. */
export function asDocument(key: KeyRow, now: Date): ApiKeyDocument {
  return {
    id: key.id,
    name: key.name,
    note: key.note,
    kind: key.owner.kind,
    owner: { subject: key.owner.subject, login: key.owner.login },
    status: statusOf(key, now),
    enabled: key.enabled,
    created_at: key.createdAt.toISOString(),
    expires_at: key.expiresAt?.toISOString() ?? null,
    never_expires: key.expiresAt === null,
    revoked_at: key.revokedAt?.toISOString() ?? null,
    revoked_by: key.revokedBy,
    scopes: key.scopes,
    read_only: key.readOnly,
    groups: key.groups,
    services: key.services,
    limits: describeLimits(key),
    jwt: key.jwt,
    allowed_referers: key.allowedReferers,
    allowed_ips: key.allowedIps,
    // Written from JSON objects only.
    config: key.config as Record<string, unknown>,
    usage: describeUsage(key, now),
    previous_values: describePreviousValues(key, now),
  }
}

function describeUsage({ usage }: KeyRow, now: Date): ApiKeyDocument['usage'] {
  if (usage === null) {
    return { total: 0, today: 0, last_used_at: null, last_used_ip: null, last_user_agent: null }
  }
  const isToday = usage.day.toISOString().slice(0, 10) === now.toISOString().slice(0, 10)
  return {
    total: Number(usage.total),
    today: isToday ? Number(usage.today) : 0,
    last_used_at: usage.lastUsedAt.toISOString(),
    last_used_ip: usage.lastUsedIp,
    last_user_agent: usage.lastUserAgent,
  }
}

function describePreviousValues({ values }: KeyRow, now: Date): ApiKeyDocument['previous_values'] {
  return values
    .flatMap(({ validUntil, createdAt, lastUsedAt }) =>
      validUntil === null || validUntil <= now ? [] : [{ validUntil, createdAt, lastUsedAt }],
    )
    .sort((one, other) => other.createdAt.getTime() - one.createdAt.getTime())
    .map(({ validUntil, lastUsedAt }) => ({
      valid_until: validUntil.toISOString(),
      last_used_at: lastUsedAt?.toISOString() ?? null,
    }))
}
