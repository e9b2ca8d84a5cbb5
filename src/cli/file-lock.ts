import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LockHeld, takeProcessLock } from '../process-lock.js'
import { CommandFailed, exitCodes } from './exit-codes.js'
import { makePrivateFolder } from './private-files.js'

const patienceMs = 60_000
const retryAfterMs = 50

/** Does this while no other program does it to the same file. @throws CommandFailed where the wait is in vain */
export async function withLock<T>(path: string, act: () => Promise<T>): Promise<T> {
  await makePrivateFolder(dirname(path))
  const release = await acquire(path)
  try {
    return await act()
  } finally {
    release()
  }
}

async function acquire(path: string): Promise<() => void> {
  const startedAt = performance.now()
  for (;;) {
    try {
      return await takeProcessLock(`${path}.lock`)
    } catch (error) {
      if (!(error instanceof LockHeld)) refuse(path, (error as NodeJS.ErrnoException).code)
      if (performance.now() - startedAt > patienceMs) refuse(path, 'another latchkey holds it')
      // Not all at once: of those who wait, one takes it and the others wait on.
      await sleep(retryAfterMs * (0.5 + Math.random()))
    }
  }
}

function refuse(path: string, why: string | undefined): never {
  throw new CommandFailed(exitCodes.files, `cannot lock ${path} (${why})`)
}
