import { createLimitKeeper, type LimitKeeper, type LimitKeeperOptions } from '../../src/limits/index.js'
import type { LimitDecision, LimitedParty, Limits } from '../../src/limits/types.js'
import type { Database } from '../../src/store/database.js'

/** Limits of nothing but what is named. */
export const aLimit = (limits: Partial<Limits>): Limits => ({
  perSecond: null,
  perDay: null,
  perMonth: null,
  ...limits,
})

let parties = 0

/** A key that nobody called yet. */
export function aParty(limits: Partial<Limits>, kind = 'key'): LimitedParty {
  parties += 1
  return { id: `${kind}:${process.pid}-${parties}`, limits: aLimit(limits) }
}

/** What keeps the limits in one process; the test moves its clock, and closes it. */
export function aKeeper(
  db: Database,
  options: Partial<LimitKeeperOptions> & { at?: string } = {},
): LimitKeeper & { clock: { now: number } } {
  const clock = { now: Date.parse(options.at ?? '2026-11-21T12:00:00.000Z') }
  const keeper = createLimitKeeper({
    db,
    timeZone: 'UTC',
    headerPrefix: 'Otoroshi',
    clock: () => clock.now,
    whenRedisIsDown: 'local',
    log: { warn: () => {}, info: () => {} },
    onError: (error) => {
      throw error
    },
    ...options,
  })
  return Object.assign(keeper, { clock })
}

/** How many of so many calls pass, one after another. */
export async function countPassed(
  keeper: Pick<LimitKeeper, 'take'>,
  list: readonly LimitedParty[],
  calls: number,
): Promise<number> {
  let passed = 0
  for (let call = 0; call < calls; call++) if ((await keeper.take(list)).kind === 'passed') passed += 1
  return passed
}

/** What was decided, without what remains. */
export function summarize(decision: LimitDecision): unknown {
  if (decision.kind !== 'exceeded') return decision.kind
  return { code: decision.code, retryAfterSeconds: decision.retryAfterSeconds }
}
