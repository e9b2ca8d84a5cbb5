/** The members that there are: those that the user did not name are not sent. */
export function withoutUndefined<T extends object>(
  members: T,
): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  const there = Object.entries(members).filter(([, value]) => value !== undefined)
  // Of the same members, without those that are undefined.
  return Object.fromEntries(there) as { [Name in keyof T]?: Exclude<T[Name], undefined> }
}
