/**
 * The right that means all of them: the single user's, and nobody else's. No identity provider can give it, since it is
 * dropped from what one tells, and no administrator, since no key may be given it by name.
 */
export const everyRight = '*'

export const hasRight = (held: readonly string[], right: string): boolean =>
  held.includes(right) || held.includes(everyRight)

export const hasAllRights = (held: readonly string[], asked: readonly string[]): boolean =>
  asked.every((right) => hasRight(held, right))
