import type { UsageCounter } from '../../src/usage/counter.js'

/** A counter that counts nothing, but for what the test wants to hear of. */
export const aUsage = (heard: Partial<UsageCounter> = {}): UsageCounter => ({
  record() {},
  recordOldValue() {},
  flush: async () => {},
  close: async () => {},
  ...heard,
})
