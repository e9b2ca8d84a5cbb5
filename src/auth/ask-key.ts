import { isIP } from 'node:net'
import Value from 'typebox/value'
import { compileRanges } from '../addresses.js'
import type { LimitDecision, Quota } from '../limits/types.js'
import { type KeyVerdict, keyVerdictSchema, type VerifyKey } from '../schemas/verdict.js'
import { endOfValue } from './bounds.js'
import type { Access, KeyBounds, PresentingCall, Principal, Verdict } from './types.js'

export interface KeyAskerOptions {
  /** Of Latchkey, as `https://keys.example.org`; a path is kept. */
  url: string
  timeoutMs: number
  /** The id of the service that is called, as Latchkey knows it. Default: none. */
  service?: string
}

/** What Latchkey told of a value. */
export type Told =
  | {
      kind: 'known'
      verdict: Verdict
      /** How long it serves, in milliseconds, and how long where Latchkey cannot be asked. */
      freshMs: number
      staleMs: number
      /** When the value stops to work, in milliseconds since the epoch; Infinity: never. */
      endsAt: number
    }
  | { kind: 'throttled'; retryAfterSeconds: number }
  /** It answers, and cannot tell of this value now; of others it may. */
  | { kind: 'untold'; cause: unknown }

export type AskKey = (
  value: string,
  address: string,
  call: PresentingCall | undefined,
  access?: Access,
) => Promise<Told>

/** Latchkey did not answer, or not with a verdict. What it said is in the cause, which may only be logged. */
export class KeyServiceUnavailable extends Error {
  override readonly name = 'KeyServiceUnavailable'
  constructor(cause: unknown) {
    super('Latchkey could not be asked about a key', { cause })
  }
}

/**
 * Makes the question to `POST /api-keys/verify`.
 * @throws TypeError when the URL is none of http or https; the question itself: KeyServiceUnavailable
 */
export function createKeyAsker({ url, timeoutMs, service }: KeyAskerOptions): AskKey {
  if (!/^https?:/.test(url) || !URL.canParse(url))
    throw new TypeError('The option url, of Latchkey, must be a URL that begins with https:// or http://')
  const named = service === undefined ? {} : { service }
  const endpoint = new URL('api-keys/verify', url.endsWith('/') ? url : `${url}/`)

  return async (value, address, call, access) => {
    try {
      const answer = await fetch(endpoint, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': 'latchkey-auth' },
        body: JSON.stringify({ ...describeCall(value, address, call, access), ...named }),
        // Whoever could lead the question elsewhere would get the value, and give the verdict.
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      })
      if (answer.status === 200) return readVerdict(await answer.json())
      const isProblem = answer.headers.get('content-type')?.startsWith('application/problem+json') ?? false
      // Else its connection would not be used again.
      await answer.body?.cancel()
      if (answer.status === 429) return { kind: 'throttled', retryAfterSeconds: readRetryAfter(answer) }
      const fault = new Error(`The answer had status ${answer.status}`)
      // One client's odd question must not be an outage for everybody.
      if (isProblem && (answer.status === 400 || answer.status === 503))
        return { kind: 'untold', cause: fault }
      throw fault
    } catch (cause) {
      throw new KeyServiceUnavailable(cause)
    }
  }
}

/** Only what cannot make the question one that is refused: a client chooses its headers. */
function describeCall(
  value: string,
  address: string,
  call: PresentingCall | undefined,
  access: Access | undefined,
): VerifyKey {
  const source = call?.headers.origin ?? call?.headers.referer ?? ''
  const origin = URL.canParse(source) ? new URL(source).origin : ''
  return {
    value,
    // As one that reads, where read-only keys may write: the answer must not be a no that the hook does not share.
    ...(call === undefined ? {} : { method: access?.readOnlyKeys === 'may-write' ? 'GET' : call.method }),
    ...(isIP(address) === 0 || address.includes('%') ? {} : { client_ip: address }),
    // So that a call which the route will refuse is not counted.
    ...(access?.scopes === undefined ? {} : { scopes: [...access.scopes] }),
    // The page itself is nobody's business: its host decides.
    ...(origin === '' || origin.length > maxOriginLength ? {} : { referer: origin }),
  }
}

/** A host is at most 253 characters long (RFC 1035 §2.3.4): what is longer is no page. */
const maxOriginLength = 280
const defaultRetryAfterSeconds = 5
const maxRetryAfterSeconds = 3600

function readRetryAfter({ headers }: Response): number {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return seconds >= 1 && seconds <= maxRetryAfterSeconds ? Math.ceil(seconds) : defaultRetryAfterSeconds
}

/** @throws when it is not exactly what the contract says: nothing else may become a yes */
function readVerdict(body: unknown): Told {
  if (!Value.Check(keyVerdictSchema, body)) throw new Error('The answer is no verdict')
  const { valid, code, principal, bounds } = body
  const times = { freshMs: body.cache_seconds * 1000, staleMs: body.stale_if_error_seconds * 1000 }
  if (!valid && code === 'invalid_credential') {
    return { kind: 'known', verdict: refused, ...times, endsAt: Number.POSITIVE_INFINITY }
  }
  if (principal === undefined || bounds === undefined || valid !== (code === undefined))
    throw new Error('The verdict contradicts itself')
  // What no bound tells the hook, it would let in.
  const isLimit = code === 'rate_limited' || code === 'quota_exceeded'
  if (isLimit && bounds.limited !== true)
    throw new Error('The verdict names a limit, and says that there is none')
  if (bounds.authorized_here === false ? valid : code === 'not_authorized_here')
    throw new Error('The verdict contradicts where the key is authorised')
  const key = readBounds(bounds)
  return {
    kind: 'known',
    // Also where the call that was asked about is refused: the hook decides each by the bounds.
    verdict: Object.freeze<Verdict>({
      kind: 'accepted',
      principal: readPrincipal(principal, key),
      // The key of a single user stands for a login: it has no id, and none of the bounds that keys have.
      ...(principal.key_id === '' ? {} : { key }),
      ...(bounds.limited === true ? { counted: readCounted(body) } : {}),
    }),
    ...times,
    endsAt: endOfValue(key),
  }
}

export const refused: Verdict = { kind: 'refused' }

/** What became of the call's limits there: it is one call, which was counted where the answer is yes. */
function readCounted({ valid, code, limits = [], retry_after_seconds }: KeyVerdict): LimitDecision {
  const quotas = limits.map(
    (quota): Quota => ({
      party: `${quota.of}:`,
      per: quota.per,
      limit: quota.limit,
      remaining: quota.remaining,
      resetsAt: readInstant(quota.resets_at),
      windowSeconds: quota.window_seconds,
    }),
  )
  if (valid) return { kind: 'passed', quotas }
  if (code === 'rate_limited' || code === 'quota_exceeded') {
    return { kind: 'exceeded', code, retryAfterSeconds: retry_after_seconds ?? 1, quotas }
  }
  // The hook refuses it for the same reason; where it does not, nobody has counted the call.
  return { kind: 'unavailable', cause: new Error(`Latchkey refused the call: ${code}`), quotas }
}

function readPrincipal(
  { key_id: keyId, ...facts }: NonNullable<KeyVerdict['principal']>,
  { expiresAt }: KeyBounds,
): Principal {
  for (const part of [facts.roles, facts.scopes, facts.attributes, facts.config]) Object.freeze(part)
  const end = Number.isFinite(expiresAt) ? { expiresAt } : {}
  return Object.freeze<Principal>({ ...facts, ...(keyId === '' ? {} : { keyId }), ...end })
}

function readBounds(bounds: NonNullable<KeyVerdict['bounds']>): KeyBounds {
  const { allowed_referers: allowedReferers, allowed_ips: allowedIps } = bounds
  return Object.freeze<KeyBounds>({
    readOnly: bounds.read_only,
    allowedReferers,
    allowedIps,
    allowsAddress: allowedIps === null ? null : compileRanges(allowedIps),
    authorized: bounds.authorized_here === false ? nowhere : null,
    limited: null,
    expiresAt: bounds.expires_at === null ? Number.POSITIVE_INFINITY : readInstant(bounds.expires_at),
    ...(bounds.valid_until === null ? {} : { validUntil: readInstant(bounds.valid_until) }),
  })
}

/** What the service is called by is Latchkey's to judge: only its verdict is known here. */
const nowhere = Object.freeze({ groups: [], services: [] })

function readInstant(text: string): number {
  const at = Date.parse(text)
  // NaN is neither before nor after anything: it would never come.
  if (Number.isNaN(at)) throw new Error('The verdict names a time that is none')
  return at
}
