import { execFile } from 'node:child_process'

export interface CommandOptions {
  env?: NodeJS.ProcessEnv
  /** Default: that of this process. */
  cwd?: string
  /** Kills the command and rejects when it is aborted. */
  signal?: AbortSignal | undefined
}

/**
 * Runs a command to its end and returns what it printed on stdout.
 * @throws with everything it printed when its exit code is not 0
 */
export async function runCommand(
  command: string,
  args: string[],
  { env = process.env, cwd, signal }: CommandOptions = {},
): Promise<string> {
  return await new Promise((resolve, reject) => {
    execFile(command, args, { env, cwd, signal, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`${command} failed: ${error.message}\n${stdout}${stderr}`, { cause: error }))
    })
  })
}
