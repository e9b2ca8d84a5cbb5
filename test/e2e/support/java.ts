import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from './command.js'

const OLDEST_JAVA = 17

/**
 * Finds a Java that runs Keycloak: `JAVA_HOME`, else one below /usr/lib/jvm.
 * @returns its home folder
 */
export async function requireJavaHome(): Promise<string> {
  for (const home of await listJavaHomes()) {
    if ((await readJavaVersion(home)) >= OLDEST_JAVA) return home
  }
  throw new Error(`No Java ${OLDEST_JAVA} or later: set JAVA_HOME or run test/e2e/support/install.sh`)
}

async function listJavaHomes(): Promise<string[]> {
  const installed = existsSync('/usr/lib/jvm') ? await readdir('/usr/lib/jvm') : []
  const homes = installed.sort().map((name) => join('/usr/lib/jvm', name))
  const chosen = process.env.JAVA_HOME
  return (chosen === undefined ? homes : [chosen, ...homes]).filter((home) =>
    existsSync(join(home, 'bin/java')),
  )
}

/** Asks the program itself, because the `release` file is not always there. */
async function readJavaVersion(home: string): Promise<number> {
  const settings = await runCommand(join(home, 'bin/java'), ['--version'])
  return Number(/\s(\d+)/.exec(settings)?.[1] ?? 0)
}
