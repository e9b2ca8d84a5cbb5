import Type, { type Static } from 'typebox'
import { nullable } from './common.js'

/** What the database's columns hold. */
const most = 2_147_483_647
const limit = (per: string) =>
  nullable(
    Type.Integer({ minimum: 1, maximum: most }),
    `Calls in a calendar ${per}; null: any number, the default.`,
  )
const limitsMembers = { per_second: limit('second'), per_day: limit('day'), per_month: limit('month') }
const unlimited = { per_second: null, per_day: null, per_month: null }

/** Limits as they are told. */
export const limitsSchema = Type.Object(limitsMembers)
export type LimitsDocument = Static<typeof limitsSchema>

/** Limits as they are set, whole: what is left out is unlimited. */
export const setLimitsSchema = Type.Object(
  {
    per_second: Type.Unsafe<number | null>({ ...limitsMembers.per_second, default: null }),
    per_day: Type.Unsafe<number | null>({ ...limitsMembers.per_day, default: null }),
    per_month: Type.Unsafe<number | null>({ ...limitsMembers.per_month, default: null }),
  },
  { additionalProperties: false, required: [], default: unlimited },
)

/** Limits as they are changed: what is left out stays. */
export const changeLimitsSchema = Type.Partial(limitsSchema, {
  additionalProperties: false,
  minProperties: 1,
})

/** The same in the columns of the database. */
export interface LimitColumns {
  limitPerSecond: number | null
  limitPerDay: number | null
  limitPerMonth: number | null
}

export const describeLimits = (columns: LimitColumns): LimitsDocument => ({
  per_second: columns.limitPerSecond,
  per_day: columns.limitPerDay,
  per_month: columns.limitPerMonth,
})

export const asLimitColumns = ({ per_second, per_day, per_month }: LimitsDocument): LimitColumns => ({
  limitPerSecond: per_second,
  limitPerDay: per_day,
  limitPerMonth: per_month,
})
