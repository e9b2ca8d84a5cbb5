import type { KeyContext } from '../keys/context.js'
import type { LimitedParty, Quota } from '../limits/types.js'

/** The counters behind limits, wherever they are kept. */
export interface QuotaCounters {
  /** What remains of each limit of these, counting nothing. */
  read(parties: readonly LimitedParty[]): Promise<readonly Quota[]> | readonly Quota[]
  /** All counters of a party begin anew; holds at every replica once resolved. */
  reset(partyId: string): Promise<void>
}

/** What administration needs beside what every operation on keys does. */
export interface AdminContext extends KeyContext {
  counters: QuotaCounters
  /** Called when keys were switched off or on. */
  invalidateAllKeys: () => void
}
