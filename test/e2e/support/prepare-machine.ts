import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { logsFolder, projectFolder, screenshotsFolder } from './folders.js'

/** Installs the programs that lack, and removes the logs of the last run. */
export async function prepareMachine(): Promise<void> {
  for (const folder of [logsFolder, screenshotsFolder]) await rm(folder, { recursive: true, force: true })
  await runAloud('bash', [join(import.meta.dirname, 'install.sh')])
}

/** Runs a command in the project, whose output is that of the tests. */
export async function runAloud(command: string, args: string[]): Promise<void> {
  const child = spawn(command, args, { cwd: projectFolder, stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`)
}
