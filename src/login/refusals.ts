import type { FastifyRequest } from 'fastify'
import { AddressRate } from '../limits/address-rate.js'
import { addAuditEntry } from '../store/audit.js'
import type { Database } from '../store/database.js'
import type { LoginRefused } from './complete.js'

/** In one process; `LOGIN_RATE_PER_MINUTE` lets many addresses together make more of them. */
const linesPerMinute = 60
const everybody = 'everybody'

/**
 * Makes what writes refused logins into the ledger, with the address and the request. There are at most 60 lines a
 * minute, so that no crowd of addresses fills the disk; the log has the others too. Never rejects: whoever is refused
 * is answered, whether or not it could be written.
 */
export function createRefusalLedger(db: Database, clock: () => number) {
  const rate = new AddressRate({ perMinute: linesPerMinute, maxAddresses: 1, clock })

  return async (request: FastifyRequest, { person, message }: LoginRefused): Promise<void> => {
    if (rate.retryAfterSeconds(everybody) > 0) return
    rate.count(everybody)
    try {
      await db.write((tx) =>
        addAuditEntry(tx, {
          at: new Date(clock()),
          actor: { subject: person?.subject ?? '', login: person?.login ?? '', via: 'login' },
          action: 'login.refused',
          targetId: person?.subject ?? '',
          ownerSubject: person?.subject ?? '',
          address: request.ip,
          requestId: request.id,
          details: { reason: message },
        }),
      )
    } catch (error) {
      request.log.warn({ err: error }, 'a refused login could not be written into the ledger')
    }
  }
}
