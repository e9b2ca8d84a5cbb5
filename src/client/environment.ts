interface Surroundings {
  process?: { env?: Record<string, string | undefined> }
  navigator?: { userAgent?: string }
}

const surroundings = globalThis as Surroundings

/** A variable of the environment, where there is one: not in browsers, nor where reading it is not allowed. */
export function readVariable(name: 'LATCHKEY_API_KEY' | 'LATCHKEY_URL'): string | undefined {
  try {
    return surroundings.process?.env?.[name] || undefined
  } catch {
    // Deno asks before it lets a program read its environment.
    return undefined
  }
}

/** Where scripts name no user agent: some refuse to, others ask the service first whether they may. */
export function isBrowser(): boolean {
  return surroundings.navigator?.userAgent?.startsWith('Mozilla/') === true
}
