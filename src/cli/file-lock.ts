import { dirname } from 'node:path'
import { CommandFailed, exitCodes } from './exit-codes.js'
import { makePrivateFolder } from './private-files.js'

/** A holder that was killed is waited for so long; one that lives says so every 5 seconds. */
const staleMs = 10_000
/** Less than a minute in all. */
const patience = { retries: 200, minTimeout: 25, maxTimeout: 200, factor: 1.5, randomize: true }

/** Does this while no other program does it to the same file. @throws CommandFailed where the wait is in vain */
export async function withLock<T>(path: string, act: () => Promise<T>): Promise<T> {
  const release = await acquire(path)
  try {
    return await act()
  } finally {
    // It may be gone: taken for a dead one's after this machine slept.
    await release().catch(() => {})
  }
}

async function acquire(path: string): Promise<() => Promise<void>> {
  const { default: lockfile } = await import('proper-lockfile')
  await makePrivateFolder(dirname(path))
  try {
    return await lockfile.lock(path, {
      stale: staleMs,
      retries: patience,
      // The file need not be there yet.
      realpath: false,
      // Unless told otherwise it throws out of a timer, where nobody can catch it.
      onCompromised: () => {},
    })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'ELOCKED' ? 'another latchkey holds it' : code
    throw new CommandFailed(exitCodes.files, `cannot lock ${path} (${why})`)
  }
}
