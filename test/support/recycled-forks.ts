import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { ForksPoolWorker, type PoolRunnerInitializer, type WorkerRequest } from 'vitest/node'

const name = 'recycled-forks'
const maxMebibytes = 800
const maxFiles = 80

/** A worker process as Vitest's own, that ends between two files once it is large: modules of test files stay loaded. */
class RecycledFork extends ForksPoolWorker {
  override readonly name = name
  #files = 0

  override send(message: WorkerRequest): void {
    if (message.type === 'run') this.#files += message.context.files.length
    super.send(message)
  }

  canReuse(): boolean {
    return this.#files < maxFiles && this.#readMebibytes() < maxMebibytes
  }

  /** 0 where there is no `/proc`, so that the number of files decides alone. */
  #readMebibytes(): number {
    try {
      // The process that runs the files, which the type of Vitest's class keeps private.
      const { pid } = Reflect.get(this, 'fork') as ChildProcess
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024
    } catch {
      return 0
    }
  }
}

export const recycledForks: PoolRunnerInitializer = {
  name,
  createPoolWorker: (options) => new RecycledFork(options),
}
