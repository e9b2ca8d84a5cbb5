import { LRUCache } from 'lru-cache'
import type { Adapter } from 'oidc-provider'

type Payload = Record<string, unknown>

/**
 * A store for one provider: each kind of record has its own bounded table, so a flood of begun sign-ins
 * pushes out begun sign-ins and never somebody's session.
 * @param maxRecords of each kind; the least recently used goes first
 */
export function createStorage(maxRecords = 1000): (model: string) => Adapter {
  // A device still asks when its code has expired, and is to be told so.
  return (model) => createTable(maxRecords, model === 'DeviceCode' ? 600 : 0)
}

function createTable(maxRecords: number, keptAfterEndSeconds: number): Adapter {
  // The clock that oidc-provider goes by, so that both agree on what has expired.
  const records = new LRUCache<string, Payload>({ max: maxRecords, perf: Date })
  const findWhere = (member: string, value: string) =>
    copy([...records.values()].find((payload) => payload[member] === value))

  return {
    async upsert(id, payload, expiresInSeconds) {
      const options =
        expiresInSeconds === undefined ? {} : { ttl: (expiresInSeconds + keptAfterEndSeconds) * 1000 }
      records.set(id, structuredClone(payload), options)
    },
    async find(id) {
      return copy(records.get(id))
    },
    async findByUid(uid) {
      return findWhere('uid', uid)
    },
    async findByUserCode(userCode) {
      return findWhere('userCode', userCode)
    },
    async consume(id) {
      const payload = records.get(id)
      if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000)
    },
    async destroy(id) {
      records.delete(id)
    },
    async revokeByGrantId(grantId) {
      for (const [id, payload] of records.entries()) {
        if (payload.grantId === grantId) records.delete(id)
      }
    },
  }
}

/** The provider goes on changing what it hands over and what it is given; only `upsert` may change a record. */
const copy = (payload: Payload | undefined) => (payload === undefined ? undefined : structuredClone(payload))
