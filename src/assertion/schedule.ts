const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** How long a key signs. */
export const signingMs = 30 * dayMs
/** How long it is published before: longer than any service remembers the keys that it fetched. */
export const leadMs = hourMs
/**
 * How long it is published after: its last assertion ends within a minute and its last link within a day, but a
 * replica that cannot reach the database goes on with the keys that it has.
 */
export const afterMs = 7 * dayMs

/** Something of that age; lists of them are ordered, the oldest first. */
interface Aged {
  readonly ageMs: number
}

/** The key to sign with among those that can be used: the newest that services have had time to fetch. */
export function chooseSigner<T extends Aged>(usable: readonly T[]): T | undefined {
  // Where there is none for long enough, as at the very first start, they have to ask for what they do not know.
  return usable.findLast(({ ageMs }) => ageMs >= leadMs) ?? usable[0]
}

/** Whether it is time to publish the next key, so that it may sign when the newest has signed for its time. */
export function needsSuccessor(usable: readonly Aged[]): boolean {
  const newest = usable.at(-1)
  // The first signs at once, and every other after its lead: each is followed after the same time.
  return newest === undefined || newest.ageMs >= signingMs
}

/** The keys that nobody signs with any more, and no assertion under way is signed with. */
export function listEnded<T extends Aged>(kept: readonly T[]): T[] {
  return kept.filter((_key, at) => (kept[at + 1]?.ageMs ?? 0) >= leadMs + afterMs)
}
