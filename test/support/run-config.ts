import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { pathOfBuilt } from './built.js'

/** Reads the settings in a process in this folder, with nothing in its environment but these. */
export async function runConfig(folder: string, env: NodeJS.ProcessEnv): Promise<string> {
  const path = pathOfBuilt('test/processes/print-config')
  const { stdout } = await promisify(execFile)(process.execPath, [path], { cwd: folder, env })
  return stdout
}
