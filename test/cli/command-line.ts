import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { run } from '../../src/cli/program.js'
import { createTerminal, type TerminalWishes, type TestTerminal } from './terminal.js'

export interface Ended {
  exitCode: number
  out: string
  told: string
}

export interface CommandLine {
  /** Where its files are. */
  folder: string
  env: Record<string, string>
  /** Runs one command to its end. */
  run(...args: string[]): Promise<Ended>
  /** Begins one that waits for somebody. */
  begin(...args: string[]): { terminal: TestTerminal; ended: Promise<Ended> }
}

/** `latchkey` of somebody who never used it before, in this process. */
export async function aCommandLine(wishes: TerminalWishes = {}): Promise<CommandLine> {
  const home = await mkdtemp(join(tmpdir(), 'latchkey-cli-'))
  onTestFinished(() => rm(home, { recursive: true, force: true }))
  const folder = join(home, 'config')
  const env: Record<string, string> = { LATCHKEY_CONFIG_DIR: folder, ...wishes.env }

  function begin(...args: string[]) {
    const terminal = createTerminal({ ...wishes, env })
    const ended = run(args, terminal, '0.0.0-test').then((exitCode) => ({
      exitCode,
      out: terminal.out(),
      told: terminal.told(),
    }))
    return { terminal, ended }
  }
  return { folder, env, begin, run: (...args) => begin(...args).ended }
}
