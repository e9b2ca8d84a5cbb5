import type { ApiKeyDocument } from '../../client/index.js'
import { describeEnd, formatTime } from '../table.js'

/** What is known of a key by its name; undefined does not hold of it. @param now milliseconds since the epoch */
export function listFacts(key: ApiKeyDocument, now: number): Record<string, string | undefined> {
  const { usage, config } = key
  return {
    id: key.id,
    name: key.name,
    note: key.note || undefined,
    status: key.status,
    owner: `${key.owner.login} (${key.kind})`,
    scopes: key.scopes.join(' ') || '-',
    'read only': key.read_only ? 'yes' : undefined,
    'signs JWTs': key.jwt ? 'yes' : undefined,
    made: `${formatTime(key.created_at)} UTC`,
    ends: describeEnd(key.expires_at, now),
    revoked: key.revoked_at === null ? undefined : `${formatTime(key.revoked_at)} UTC by ${key.revoked_by}`,
    'last used': describeUse(usage),
    calls: `${usage.total}, today ${usage.today}`,
    'earlier values': describeEarlier(key, now),
    'from addresses': listed(key.allowed_ips),
    'from pages of': listed(key.allowed_referers),
    groups: listed(key.groups),
    services: listed(key.services),
    limits: describeLimits(key.limits),
    config: Object.keys(config).length === 0 ? undefined : JSON.stringify(config),
  }
}

const listed = (items: readonly string[], between = ' ') =>
  items.length === 0 ? undefined : items.join(between)

function describeUse({
  last_used_at: at,
  last_used_ip: ip,
  last_user_agent: agent,
}: ApiKeyDocument['usage']) {
  if (at === null) return '-'
  return `${formatTime(at)} UTC${ip === null ? '' : ` from ${ip}`}${agent === null ? '' : ` by ${agent}`}`
}

const describeEarlier = ({ previous_values: values }: ApiKeyDocument, now: number) =>
  listed(
    values.map(
      ({ valid_until: end, last_used_at: used }) =>
        `work until ${describeEnd(end, now)} (last used ${formatTime(used)})`,
    ),
    ', ',
  )

const describeLimits = ({ per_second, per_day, per_month }: ApiKeyDocument['limits']) =>
  listed(
    Object.entries({ second: per_second, day: per_day, month: per_month }).flatMap(([span, limit]) =>
      limit === null ? [] : [`${limit} a ${span}`],
    ),
    ', ',
  )
