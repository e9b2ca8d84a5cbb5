import type { Terminal } from './terminal.js'

/** Where profiles and logins are kept: `LATCHKEY_CONFIG_DIR`, or the folder that the platform has for such. */
export async function findConfigFolder({ env }: Pick<Terminal, 'env'>): Promise<string> {
  if (env.LATCHKEY_CONFIG_DIR) return env.LATCHKEY_CONFIG_DIR
  const { default: envPaths } = await import('env-paths')
  return envPaths('latchkey', { suffix: '' }).config
}
