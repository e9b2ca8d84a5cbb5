import type { IncomingMessage } from 'node:http'
import { decideForwarded } from '../auth/forwarding.js'
import { hasBody } from '../connections/has-body.js'
import type { Exchange } from './exchange.js'
import { RequestBody } from './request-body.js'
import { createRequestHeaders, type RequestHeaderOptions } from './request-headers.js'
import type { TargetDispatchOptions } from './target-client.js'
import { buildPath, findTarget, type TargetPools } from './targets.js'

/** The headers that tell a service who is calling. */
export type Identity = Readonly<Record<string, string>>

/** @param onFailure called once if the service gives no answer, while the client can still be told */
export type Send = (exchange: Exchange, identity: Identity, onFailure: (error: Error) => void) => void

export interface SenderOptions extends Omit<RequestHeaderOptions, 'scheme'> {
  publicUrl: string
}

/**
 * Returns a function that dispatches the request of an exchange to its service. Undici reports to the exchange.
 * @param waiting requests whose clients send no body until they are told to
 */
export function createSender(
  pools: TargetPools,
  waiting: WeakSet<IncomingMessage>,
  options: SenderOptions,
): Send {
  const scheme = new URL(options.publicUrl).protocol.replace(':', '')
  const makeHeaders = createRequestHeaders({ ...options, scheme })

  return (exchange, identity, onFailure) => {
    const {
      raw,
      id: requestId,
      principal,
      presented,
      isForwardable,
      credentialInPath = null,
    } = exchange.request
    const { descriptor } = exchange.service
    const target = findTarget(exchange.service)
    // Null: a preflight, which brings no credential.
    const forwarded =
      principal === null || !isForwardable
        ? null
        : decideForwarded(presented, principal.via, descriptor.forward_authorization)
    const body = hasBody(raw)
      ? new RequestBody(raw, descriptor.max_body_bytes, () => exchange.sendContinue())
      : null
    const call: TargetDispatchOptions = {
      path: buildPath(target, raw.url ?? '/'),
      method: raw.method ?? 'GET',
      headers: makeHeaders({
        message: raw,
        requestId,
        forwarded,
        identity,
        hiddenPrefix: target.hiddenPrefix,
        hiddenCredential: credentialInPath,
        isCredentialGood: presented === 'link' || presented === 'path',
      }),
      body,
      headersTimeout: descriptor.timeout_ms,
      bodyTimeout: 0,
      upgrade: exchange.upgrade,
      takeConnection: (connection) => exchange.takeConnection(connection),
    }
    const dispatch = () => {
      if (exchange.isEnded) return
      exchange.begin(onFailure)
      pools.get(target).dispatch(call, exchange)
    }
    // A client that waits to be asked sends nothing before the service reads.
    if (body === null || waiting.has(raw)) dispatch()
    else body.whenReady(dispatch)
  }
}
