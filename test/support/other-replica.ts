import { randomBytes } from 'node:crypto'
import type { Actor } from '../../src/audit/actor.js'
import { trustLastLogin } from '../../src/auth/owner-watch.js'
import type { KeyContext } from '../../src/keys/context.js'
import { type Import, prepareImport, requireNew, setImportedSecret } from '../../src/keys/import.js'
import { createSealer } from '../../src/secrets/sealing.js'
import { requireGroupsAndServices } from '../../src/services/references.js'
import type { Database } from '../../src/store/database.js'
import { findKey, insertKey } from '../../src/store/keys.js'
import type { Change } from '../../src/store/notices.js'
import { openTestDatabase } from './database.js'

export const encryptionSecret = 'the encryption secret of the tests'

/** Another process on the database of a service: what it changes, the service hears of by a notice alone. */
export interface OtherReplica {
  /** For the service. */
  db: Database
  context: KeyContext
  /** Imports a key of a server user of its own. @returns its id */
  import(wanted: Import, more?: { scopes?: string[]; expiresAt?: Date }): Promise<string>
  setSecret(id: string, wanted: Parameters<typeof setImportedSecret>[2]): Promise<void>
  tell(change: Change): void
}

const actor: Actor = {
  address: '192.0.2.9',
  requestId: 'test',
  actingAs: 'owner',
  principal: {
    ...{ subject: 'admin-id', login: 'admin', name: null, email: null, kind: 'user', via: 'oauth2' },
    ...{ roles: [], scopes: [], attributes: {}, config: {} },
  },
}

/** @param clock when there is one of the service, milliseconds since the epoch */
export async function openOtherReplica(
  options: { allowWeakSecrets?: boolean; sealing?: boolean; clock?: () => number } = {},
): Promise<OtherReplica> {
  const { allowWeakSecrets = false, sealing = true, clock = Date.now } = options
  const listeners: ((change: Change) => void)[] = []
  const own = await openTestDatabase()
  const db: Database = {
    ...own,
    notices: {
      epoch: 0,
      silentForMs: () => 0,
      subscribe: (listener) => {
        listeners.push(listener)
        return () => {}
      },
    },
  }
  const context: KeyContext = {
    db: own,
    clock,
    random: randomBytes,
    owners: trustLastLogin,
    sealer: createSealer(sealing ? [encryptionSecret] : []),
    policy: {
      ...{
        prefix: 'lk',
        lifetimeDays: 15,
        maxLifetimeDays: 366,
        changesPerHour: Number.POSITIVE_INFINITY,
        maxPerUser: 20,
      },
      ...{ allowNeverExpires: true, defaultGroups: [], allowWeakSecrets },
    },
    requireRegistered: requireGroupsAndServices,
    invalidateKey: () => {},
    invalidateOwner: () => {},
  }
  const tell = (change: Change) => {
    for (const listener of listeners) listener(change)
  }

  return {
    db,
    context,
    tell,

    async import(wanted, { scopes = ['read'], expiresAt } = {}) {
      const { stored, ...key } = await prepareImport(context, wanted)
      const createdAt = new Date(clock())
      const ownerSubject = `server:${key.id}`
      await own.write(async (tx) => {
        await requireNew(tx, { ...key, stored })
        await tx.owner.create({
          data: { subject: ownerSubject, kind: 'server', login: key.id, rights: scopes, knownAt: createdAt },
        })
        const life = { createdAt, expiresAt: expiresAt ?? null, allowedReferers: [], allowedIps: [] }
        const row = { ...key, ...life, ownerSubject, name: key.id, scopes }
        await insertKey(tx, row, stored)
      })
      tell({ key: key.id })
      return key.id
    },

    async setSecret(id, wanted) {
      await own.write(async (tx) => {
        const key = await findKey(tx, id)
        if (key === null) throw new Error('There is no such key')
        await setImportedSecret(tx, { context, actor, key, now: new Date(clock()) }, wanted)
      })
      tell({ key: id })
    },
  }
}
