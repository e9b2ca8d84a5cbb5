import { hashValue, newValue } from '../../src/keys/value.js'
import type { Database } from '../../src/store/database.js'
import type { VerificationRow } from '../../src/store/keys.js'
import type { Change } from '../../src/store/notices.js'

/** A value for a key of this id; the same number, the same value. */
export const aValueOf = (id: string, number = 1, prefix = 'lk') =>
  newValue(prefix, id, (size) => Buffer.alloc(size, number))

/** A working key as a look-up finds it, of the person `alice-id`. */
export const aRow = (facts: Partial<VerificationRow> = {}): VerificationRow => ({
  id: 'Zk3vQ9aB',
  enabled: true,
  expires_at: null,
  revoked_at: null,
  link_generation: 0,
  scopes: ['inherit'],
  read_only: false,
  allowed_referers: [],
  allowed_ips: [],
  config: {},
  imported: false,
  hashes: [hashValue(aValueOf(facts.id ?? 'Zk3vQ9aB'))],
  valid_untils: [null],
  sealed_secrets: null,
  subject: 'alice-id',
  kind: 'user',
  login: 'alice',
  owner_name: null,
  email: null,
  rights: ['read', 'write'],
  attributes: {},
  owner_enabled: true,
  known_at: new Date(0),
  groups: [],
  services: [],
  limit_per_second: null,
  limit_per_day: null,
  limit_per_month: null,
  owner_limit_per_second: null,
  owner_limit_per_day: null,
  owner_limit_per_month: null,
  keys_off: false,
  ...facts,
})

/**
 * The far database, as far as a check asks it: rows that the test writes, notices that it sends, failures that it
 * causes, each at the moment that it chooses. `verify.test.ts` holds the same check against a real one.
 */
export interface StoredRows {
  db: Database
  rows: Map<string, VerificationRow>
  /** The ids of each look-up. */
  asked: string[][]
  /** What every look-up fails with; null: none does. */
  failure: Error | null
  notices: { epoch: number; silentForMs: number }
  tell(change: Change): void
  /** Look-ups from now on read at once, and answer when the returned function is called. */
  hold(): () => void
}

export function storedRows(...rows: VerificationRow[]): StoredRows {
  const listeners: ((change: Change) => void)[] = []
  let gate: Promise<void> | null = null
  const stored: StoredRows = {
    rows: new Map(rows.map((row) => [row.id, row])),
    asked: [],
    failure: null,
    notices: { epoch: 0, silentForMs: Number.POSITIVE_INFINITY },
    tell: (change) => {
      for (const listener of listeners) listener(change)
    },
    hold() {
      let release = () => {}
      gate = new Promise((resolve) => {
        release = resolve
      })
      return () => {
        gate = null
        release()
      }
    },
    db: undefined as unknown as Database, // Set below, since it reads the others.
  }
  const query = async ({ name, values: [ids] }: { name: string; values: unknown[] }) => {
    // None of these rows was imported.
    if (name === 'has-imported-keys') return [{ found: false }]
    stored.asked.push(ids as string[])
    const { failure } = stored
    const found = (ids as string[]).flatMap((id) => structuredClone(stored.rows.get(id)) ?? [])
    await gate
    if (failure !== null) throw failure
    // A clone has bytes where the driver gives buffers.
    return found.map((row) => ({ ...row, hashes: row.hashes.map((hash) => Buffer.from(hash)) }))
  }
  stored.db = {
    query,
    notices: {
      get epoch() {
        return stored.notices.epoch
      },
      silentForMs: () => stored.notices.silentForMs,
      subscribe: (listener: (change: Change) => void) => {
        listeners.push(listener)
        return () => {}
      },
    },
  } as unknown as Database
  return stored
}
