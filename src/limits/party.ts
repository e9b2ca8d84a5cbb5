import type { LimitedParty, Limits } from './types.js'

/** Null: unlimited. */
export const asLimits = (
  perSecond: number | null,
  perDay: number | null,
  perMonth: number | null,
): Limits | null =>
  perSecond === null && perDay === null && perMonth === null ? null : { perSecond, perDay, perMonth }

/** Whose calls are counted; null: nobody's, where nothing is limited. */
export const asParty = (id: string, limits: Limits | null): LimitedParty | null =>
  limits === null ? null : { id, limits }

/** Whose calls this one counts among; null: nobody's. */
export function partiesOf(
  limited: readonly LimitedParty[] | null,
  group: LimitedParty | null,
): readonly LimitedParty[] | null {
  if (group === null) return limited
  return limited === null ? [group] : [...limited, group]
}
