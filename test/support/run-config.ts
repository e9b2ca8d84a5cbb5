import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url))

/** What the settings are for a process in this folder, with nothing in its environment but these. */
export async function runConfig(folder: string, env: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [pathOf('run-typescript.mjs'), pathOf('print-config.ts')],
    { cwd: folder, env },
  )
  return stdout
}
