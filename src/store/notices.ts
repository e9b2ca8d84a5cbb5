import type { Tx } from './transaction.js'

/**
 * What changed, by its id. Caches invalidate it. `services`: the groups and services; `keySwitch`: whether keys are
 * switched on; `limits`: the counters of a party.
 */
export type Change =
  | { key: string }
  | { owner: string }
  | { keySwitch: true }
  | { limits: string }
  | { services: true }

/** What every process on one database hears of the changes of all of them. */
export interface Notices {
  /** Grows whenever notices may have been missed: what was read under another epoch is only as good as its own time. */
  readonly epoch: number
  /**
   * For how long nothing proved that notices arrive, in milliseconds: all that was stored before that has been heard.
   * 0: every change is made in this process (embedded); Infinity: nothing ever proved it.
   */
  silentForMs(): number
  /** @returns a function that ends it */
  subscribe(listener: (change: Change) => void): () => void
}

export const channel = 'latchkey_changes'

/** When something was asked for, in milliseconds since the epoch, and under which epoch of the notices. */
export interface Asked {
  readonly readAt: number
  readonly epoch: number
}

/** Whether what was read then is certain as of less than so long ago, both in milliseconds. */
export function isCertain(
  notices: Notices,
  { readAt, epoch }: Asked,
  lengthMs: number,
  now: number,
): boolean {
  // In either direction: a clock that was set back must not make old knowledge fresh.
  if (Math.abs(now - readAt) < lengthMs) return true
  return epoch === notices.epoch && notices.silentForMs() < lengthMs
}

/** For a database of one process, which forgets what it changes by itself. */
export const noNotices: Notices = { epoch: 0, silentForMs: () => 0, subscribe: () => () => {} }

/**
 * Announces a change to the other replicas, in the transaction that makes it. They get it once it is stored, and never
 * get a change that was rolled back. On the embedded database, which no other process uses, it does nothing.
 */
export async function notify(tx: Tx, change: Change): Promise<void> {
  // Only a certain no: a change that is not announced would stay unknown to the other replicas.
  if (tx.announcesChanges === false) return
  await tx.$executeRaw`SELECT pg_notify(${channel}, ${writePayload(change)})`
}

/** Announces any number of changes in one statement. */
export async function notifyAll(tx: Tx, changes: readonly Change[]): Promise<void> {
  if (tx.announcesChanges === false || changes.length === 0) return
  await tx.$executeRaw`SELECT pg_notify(${channel}, payload) FROM unnest(${changes.map(writePayload)}::text[]) AS payload`
}

const services = 'services:all'
/** As earlier releases write it, which may run beside this one. */
const keySwitch = 'provider:api-key'

function writePayload(change: Change): string {
  if ('services' in change) return services
  if ('keySwitch' in change) return keySwitch
  const [[kind, id] = []] = Object.entries(change)
  return `${kind}:${id}`
}

/** @returns null for what is none of ours: whoever may log in to the database may notify */
export function readPayload(payload: string): Change | null {
  if (payload === services) return { services: true }
  if (payload === keySwitch) return { keySwitch: true }
  const [, kind, id] = /^(key|owner|limits):(.+)$/s.exec(payload) ?? []
  if (id === undefined) return null
  if (kind === 'key') return { key: id }
  if (kind === 'limits') return { limits: id }
  return { owner: id }
}
