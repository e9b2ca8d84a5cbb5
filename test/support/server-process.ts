import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { nodeArguments, pathOfBuilt } from './built.js'

export interface ServerProcess {
  pid: number
  /** All it has printed so far. */
  output(): string
  complaints(): string
  /** Resolves once it prints this; rejects with its complaints when it ends before. */
  prints(text: string): Promise<void>
  /** Sends the signal, without waiting. */
  signal(name: NodeJS.Signals): void
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** Starts the built service in a folder, as an operator does, with nothing but these settings. */
export function startServer(folder: string, env: NodeJS.ProcessEnv): ServerProcess {
  const child = spawn(process.execPath, [...nodeArguments, pathOfBuilt('src/server')], {
    cwd: folder,
    // Tests run beside each other: the gateway's port is asked for by those that use it.
    env: { PATH: process.env.PATH, GATEWAY_PORT: 'off', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = collect(child.stdout)
  const complaints = collect(child.stderr)
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  return {
    pid: child.pid ?? Number.NaN,
    output,
    complaints,
    exited,
    prints: (text) => waitFor(child, () => output().includes(text), complaints),
    signal: (name) => void child.kill(name),
  }
}

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = ''
  stream.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  return () => text
}

async function waitFor(child: ChildProcess, isThere: () => boolean, complaints: () => string): Promise<void> {
  while (!isThere()) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`The service ended with ${child.exitCode ?? child.signalCode}: ${complaints()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
