/** What Node calls the innermost reason of a failure, as `ECONNREFUSED`; undefined where nothing has a name. */
export function findCauseCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { code } = error as { code?: unknown }
  return findCauseCode(error.cause) ?? (typeof code === 'string' ? code : undefined)
}

/** Gives the same code in brackets for the end of a sentence, because a refused certificate is no broken network. */
export function describeCause(error: unknown): string {
  const code = findCauseCode(error)
  return code === undefined ? '' : ` (${code})`
}
