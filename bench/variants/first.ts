import { openHook } from './hook.js'
import type { Server } from './service.js'

// Remembering one key, and called with all stored ones in turn, the hook meets each for the first time. A service
// that remembers 100,000 does so with a million stored, and this way it does with 100 as well.
const maxCached = 1
// The counters' write has as many rows as keys were used: 100 or thousands, whatever a check costs. It is done between the visits.
const flushUsageEveryMs = 3_600_000

/** @param store a data folder, or the URL of a PostgreSQL, that holds `storedKeys` keys */
export async function openFirst(store: string, storedKeys: string): Promise<Server> {
  const place = store.startsWith('postgresql:') ? { url: store } : { dataDir: store }
  const { app, usage } = await openHook({ ...place, maxCached, flushUsageEveryMs })
  return { app, credential: { 'X-API-Key': '{key}' }, storedKeys: Number(storedKeys), rest: usage.flush }
}
