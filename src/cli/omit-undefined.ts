/** Copies an object without its undefined members, because the service takes an option that was not given as absent. */
export function omitUndefined<T extends object>(
  members: T,
): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  const defined = Object.entries(members).filter(([, value]) => value !== undefined)
  // `fromEntries` loses the names; they are those of T, less the undefined ones.
  return Object.fromEntries(defined) as { [Name in keyof T]?: Exclude<T[Name], undefined> }
}
