import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import { nodeArguments, pathOfBuilt } from './built.js'

export interface TestChild {
  pid: number
  /** Every line that it has printed so far. */
  lines: string[]
  /** Resolves with the line once it has printed one that begins so; rejects when it ends before. */
  waitForLine(beginning: string): Promise<string>
  /** Ends it as the kernel would, with nothing tidied up, and waits until it is gone. */
  kill(): Promise<void>
}

/** Starts a built program of `test/processes` in a Node process of its own. */
export function startChild(name: 'count-calls' | 'write-sessions', ...words: string[]): TestChild {
  const path = pathOfBuilt(`test/processes/${name}`)
  const child = spawn(process.execPath, [...nodeArguments, path, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close')
  const lines: string[] = []
  const output = createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  let complaints = ''
  child.stderr.on('data', (text) => {
    complaints += text
  })
  return {
    pid: child.pid ?? Number.NaN,
    lines,
    waitForLine: (beginning) => waitForLine({ output, lines, beginning, readComplaints: () => complaints }),
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

interface Waiting {
  output: Interface
  lines: string[]
  beginning: string
  readComplaints(): string
}

function waitForLine({ output, lines, beginning, readComplaints }: Waiting): Promise<string> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const line = lines.find((line) => line.startsWith(beginning))
      if (line !== undefined) finish(() => resolve(line))
    }
    const giveUp = () => finish(() => reject(new Error(`The process ended: ${readComplaints()}`)))
    const finish = (settle: () => void) => {
      output.off('line', look).off('close', giveUp)
      settle()
    }
    output.on('line', look).on('close', giveUp)
    look()
  })
}
