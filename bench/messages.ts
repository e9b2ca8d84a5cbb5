import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** What a server process tells when it listens. */
export interface Ready {
  port: number
  /** One whole request, to be sent again and again; `{key}` in it stands for the value of a stored key. */
  request: string
  status: number
  /** How many keys are stored, where each request carries another one of them. */
  storedKeys?: number
}

/** What the load process is asked to do. */
export interface Visit extends Ready {
  requests: number
  /** How many requests are under way at once. */
  connections: number
  /** On average between two requests on a connection. Default: each is sent when the one before is answered. */
  intervalMs?: number
}

/** What it saw. */
export interface Sight {
  requestsPerSecond: number
  p50Ms: number
  p99Ms: number
}

/** A process of the benchmark that answers one message after the other. */
export interface Worker {
  /** Its first message, which it sends of itself. */
  first: Promise<unknown>
  ask(question: unknown): Promise<unknown>
  stop(): Promise<void>
}

/** Starts a file beside this one. A worker that ends before its answer fails the run. */
export function startWorker(file: string, parameters: string[] = [], nodeOptions: string[] = []): Worker {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), parameters, { execArgv: nodeOptions })
  return {
    first: nextMessage(child),
    ask: (question) => {
      const answer = nextMessage(child)
      child.send(question as object)
      return answer
    },
    stop: async () => {
      const end = once(child, 'exit')
      child.disconnect()
      await end
    },
  }
}

function nextMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`A worker ended with ${code}`))
    child.once('exit', onExit)
    child.once('message', (message) => {
      child.off('exit', onExit)
      resolve(message)
    })
  })
}

/** Answers the messages of the parent process, and ends with it. */
export function answerParent(answer: (question: unknown) => unknown): void {
  process.on('message', async (question) => process.send?.(await answer(question)))
  process.on('disconnect', () => process.exit())
}
