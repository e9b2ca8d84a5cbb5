import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { runCommand } from './command.js'
import { makeTemporaryFolder, projectFolder } from './folders.js'
import { requirePython } from './python.js'

const TIMEOUT_MS = 100_000

/** What one command gave. */
export interface Outcome {
  exitCode: number
  stdout: string
  stderr: string
}

/** A command that runs. */
export interface Running {
  /** After `latchkey`. */
  words: string[]
  /** What it has written so far. */
  seen(): { stdout: string; stderr: string }
  /** Waits until it has written this to stderr. @throws when it ends before */
  told(pattern: RegExp): Promise<string>
  /** As keys are pressed: `\x03` is Ctrl-C. */
  type(keys: string): void
  /** How it ended, killed where it took too long. */
  ended: Promise<Outcome>
}

export interface Usage {
  /** Over those of the shell. */
  env?: Record<string, string>
  /** Default 200. */
  columns?: number
  /** A file that is its stdin, as in a script. Default: the terminal. */
  stdin?: string
}

/** A user of the built command line at a terminal, in a home of their own. */
export interface CommandLine {
  /** Where its profiles and logins are. */
  home: string
  /** Runs `latchkey …` to its end. */
  run(words: string[], usage?: Usage): Promise<Outcome>
  /** Starts `latchkey …`. */
  start(words: string[], usage?: Usage): Running
  remove(): Promise<void>
}

/** Nobody opens a browser here: it would be seen by nobody. */
export async function openCommandLine(): Promise<CommandLine> {
  const home = await makeTemporaryFolder('command-line')
  const python = await requirePython()
  const terminal = join(projectFolder, 'test/e2e/support/pseudo-terminal.py')
  const shell = { PATH: process.env.PATH, HOME: home, XDG_CONFIG_HOME: home, TERM: 'xterm', BROWSER: 'none' }

  const start = (words: string[], { env = {}, columns = 200, stdin }: Usage = {}): Running => {
    const program = [process.execPath, requireProgram(), ...words]
    const wrapped =
      stdin === undefined ? program : ['sh', '-c', 'f=$1; shift; exec "$@" <"$f"', 'sh', stdin, ...program]
    const child = spawn(python, [terminal, String(columns), ...wrapped], {
      env: { ...shell, ...env },
      cwd: home,
    })
    const [readStdout, readStderr] = [collect(child.stdout), collect(child.stderr)]
    const seen = () => ({ stdout: readStdout(), stderr: readStderr() })
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS)
    const ended = once(child, 'close').then(([exitCode]): Outcome => {
      clearTimeout(timer)
      return { exitCode: Number(exitCode ?? -1), ...seen() }
    })
    let hasEnded = false
    void ended.then(() => {
      hasEnded = true
    })

    return {
      words,
      seen,
      ended,
      type: (keys) => void child.stdin.write(keys),
      async told(pattern) {
        for (;;) {
          const [found] = pattern.exec(readStderr()) ?? []
          if (found !== undefined) return found
          if (hasEnded) throw new Error(`It ended without having told ${pattern}:\n${JSON.stringify(seen())}`)
          await delay(20)
        }
      },
    }
  }

  return {
    home,
    start,
    run: async (words, usage) => await start(words, usage).ended,
    remove: async () => await rm(home, { recursive: true, force: true }),
  }
}

/** What the package installs as `latchkey`. */
function requireProgram(): string {
  const { bin } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8')) as {
    bin: { latchkey: string }
  }
  return join(projectFolder, bin.latchkey)
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString()
}

/** What everybody on this machine sees of its processes, again and again until `running` has ended. */
export async function watchProcesses(running: Promise<unknown>): Promise<string> {
  let [seen, isOver] = ['', false]
  const end = running.then(() => {
    isOver = true
  })
  while (!isOver) seen += await runCommand('ps', ['-eo', 'args'])
  await end
  return seen
}
