import type { Keyring, Signer } from '../assertion/keyring.js'
import { type Actor, describeActor } from '../audit/actor.js'
import { isAuthorized } from '../auth/decide.js'
import { normalizePath } from '../gateway/path.js'
import { listReadings } from '../gateway/readings.js'
import { readAuthorization } from '../keys/cached-key.js'
import { lockEnabledOwner } from '../keys/change.js'
import { requireChangeAllowed } from '../keys/change-rate.js'
import type { KeyContext } from '../keys/context.js'
import { requireSwitchedOn } from '../keys/key-switch.js'
import { statusOf } from '../keys/status.js'
import { Problem } from '../problems/problem.js'
import type { CreateLink, LinkDocument } from '../schemas/link.js'
import type { RegisteredService, ServiceRegistry } from '../services/types.js'
import { addAuditEntry } from '../store/audit.js'
import { findKey, type KeyRow } from '../store/keys.js'
import { signLink } from './token.js'

export interface LinkContext extends Pick<KeyContext, 'db' | 'clock' | 'keySwitch' | 'policy'> {
  keyring: Pick<Keyring, 'signer'>
  /** Whether there is a KEY_ENCRYPTION_SECRET, without which nothing is ever signed. */
  canSign: boolean
  registry: Pick<ServiceRegistry, 'match' | 'isAmbiguous'>
  /** Where clients reach the gateway, without a slash at its end; null: there is none. */
  gatewayUrl: string | null
}

/**
 * Makes a link of one of the caller's keys: a URL that opens one path with it, and is kept nowhere.
 * @throws Problem not_found, validation_failed, keys_disabled, rate_limited, not_authorized_here, unavailable
 */
export async function makeLink(
  context: LinkContext,
  actor: Actor,
  id: string,
  wanted: CreateLink,
): Promise<LinkDocument> {
  const { gatewayUrl } = context
  if (gatewayUrl === null) throw new Problem('not_found', { detail: noGateway })
  const signer = requireSigner(context)
  const path = requirePath(wanted.path)
  const service = requireService(context, path)
  return context.db.write(async (tx) => {
    const { subject } = actor.principal
    await lockEnabledOwner(tx, subject)
    const key = await findKey(tx, id)
    if (key === null || key.ownerSubject !== subject) throw new Problem('not_found')
    await requireSwitchedOn(tx, context.keySwitch)
    const now = new Date(context.clock())
    await requireChangeAllowed(tx, context, actor, now)
    requireUsable(key, service, now)
    const endsAt = endOf(key, wanted.expires_in, now)
    const expiresAt = endsAt.toISOString()
    await addAuditEntry(tx, {
      ...describeActor(actor),
      ...{ at: now, action: 'key.linked', targetId: id, ownerSubject: subject },
      details: { path, expires_at: expiresAt },
    })
    const link = { keyId: id, generation: key.linkGeneration, path, endsAt: endsAt.getTime() }
    return { url: `${gatewayUrl}/k/${await signLink(link, signer)}${path}`, path, expires_at: expiresAt }
  })
}

const noGateway = 'This service has no gateway, where links would lead to.'

function requireSigner({ keyring, canSign }: LinkContext): Signer {
  if (!canSign) {
    throw new Problem('not_found', {
      detail: 'There are no links here: this service has no KEY_ENCRYPTION_SECRET to sign them with.',
    })
  }
  const signer = keyring.signer()
  if (signer === null) throw new Problem('unavailable')
  return signer
}

const fault = (path: string, message: string) =>
  new Problem('validation_failed', { errors: [{ path, message }] })

/** What the gateway will match: by the same code, so that a link opens what it says and nothing else. */
function requirePath(wanted: string): string {
  const path = normalizePath(wanted)
  if (path === null) throw fault('path', 'is not a path that the gateway takes')
  // The escapes of letters and dots were decoded: another way to write the same. Segments that are gone are another path.
  if (hasDotSegments(wanted)) throw fault('path', 'must not have segments of dots')
  return path
}

const hasDotSegments = (path: string) => /\/(\.|%2e){1,2}(\/|$)/i.test(path)

function requireService({ registry }: LinkContext, path: string): RegisteredService {
  const service = registry.match(path)
  if (service === 'unknown') throw new Problem('unavailable')
  if (service === null) throw fault('path', 'is not a path of a service behind the gateway')
  const readings = listReadings(path, { depth: service.depth })
  if (readings === null || registry.isAmbiguous(path, readings)) {
    throw fault('path', 'is read by servers in different ways, which lead to different services')
  }
  return service
}

function requireUsable(key: KeyRow, { called, descriptor }: RegisteredService, now: Date): void {
  const status = statusOf(key, now)
  if (status !== 'active') throw fault('id', `is the id of a key that does not work now: it is ${status}`)
  const authorized = readAuthorization(key, key.owner)
  if (!isAuthorized({ authorized }, called) || !descriptor.access.kinds.includes(key.owner.kind)) {
    throw new Problem('not_authorized_here')
  }
}

/** No link outlives its key. */
function endOf({ expiresAt }: KeyRow, seconds: number, now: Date): Date {
  const end = new Date(now.getTime() + seconds * 1000)
  return expiresAt !== null && expiresAt < end ? expiresAt : end
}
