import { hash } from 'node:crypto'
import type { FastifySessionOptions } from '@fastify/session'
import type { Session } from 'fastify'
import type { OwnerWatch } from '../auth/owner-watch.js'
import type { Principal } from '../auth/types.js'
import type { Database } from '../store/database.js'
import type { OwnerRow } from '../store/owners.js'
import { deleteSession, findSession, updateSession } from '../store/sessions.js'

declare module 'fastify' {
  interface Session {
    /** Who is logged in, as they are known now; read with the session, never stored in it. Not of the disabled. */
    principal?: Principal
    /** Proves to the identity provider whose session a logout ends. */
    idToken?: string
  }
}

type SessionStore = NonNullable<FastifySessionOptions['store']>

/** What the database knows a session by: a stolen table opens nothing. */
export const hashSessionId = (sessionId: string): Buffer => hash('sha256', sessionId, 'buffer')

/** Keeps sessions in the database, so that a logout really ends them. Anonymous ones are never stored. */
export function createSessionStore(db: Database, owners: OwnerWatch, clock: () => number): SessionStore {
  return {
    get(sessionId, callback) {
      read(sessionId).then((session) => callback(null, session), callback)
    },
    set(sessionId, session, callback) {
      if (session.principal === undefined) return callback()
      const { cookie, idToken } = session
      const data = {
        cookie: JSON.parse(JSON.stringify(cookie)),
        ...(idToken === undefined ? {} : { idToken }),
      }
      updateSession(db, hashSessionId(sessionId), data).then(() => callback(), callback)
    },
    destroy(sessionId, callback) {
      deleteSession(db, hashSessionId(sessionId)).then(() => callback(), callback)
    },
  }

  async function read(sessionId: string): Promise<Session | null> {
    const row = await findSession(db, hashSessionId(sessionId), new Date(clock()))
    if (row?.owner == null) return null
    const { owner } = row
    owners.noteUse(owner.subject)
    const isEnabled = owner.enabled && !owners.isDisabled(owner.subject)
    // Written by `set` above.
    return { ...(row.data as object), ...(isEnabled && { principal: asPrincipal(owner) }) } as Session
  }
}

export function asPrincipal(owner: OwnerRow): Principal {
  // Written from JSON objects only.
  const attributes = owner.attributes as Record<string, unknown>
  return {
    subject: owner.subject,
    login: owner.login,
    name: owner.name,
    email: owner.email,
    kind: owner.kind,
    via: 'session',
    roles: owner.rights,
    scopes: owner.rights,
    attributes,
    config: attributes,
  }
}
