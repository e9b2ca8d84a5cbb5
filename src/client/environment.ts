interface Surroundings {
  process?: { env?: Record<string, string | undefined> }
}

/** A variable of the environment, where there is one: not in browsers, nor where reading it is not allowed. */
export function readVariable(name: 'LATCHKEY_API_KEY' | 'LATCHKEY_URL'): string | undefined {
  try {
    return (globalThis as Surroundings).process?.env?.[name] || undefined
  } catch {
    // Deno asks before it lets a program read its environment.
    return undefined
  }
}
