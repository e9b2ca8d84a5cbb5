import { rmdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { LockOptions } from 'proper-lockfile'
import { CommandFailed, exitCodes } from './exit-codes.js'
import { makePrivateFolder } from './private-files.js'

/** A lock that nobody has touched for so long is that of a program that was killed. */
const staleMs = 10_000
/** How often a holder touches it. */
const updateMs = 2_000
const patienceMs = 60_000

/** Does this while no other program does it to the same file. @throws CommandFailed where the wait is in vain */
export async function withLock<T>(path: string, act: () => Promise<T>): Promise<T> {
  await makePrivateFolder(dirname(path))
  const release = await acquire(path)
  try {
    return await act()
  } finally {
    // It may be gone: taken for a dead one's after this machine slept.
    await release().catch(() => {})
  }
}

const options: LockOptions = {
  // The file need not be there yet.
  realpath: false,
  update: updateMs,
  // Left to `removeStale`: of two programs that find a lock stale at one moment, the library lets the second remove
  // the new lock of the first.
  stale: Number.MAX_SAFE_INTEGER,
  // Unless told otherwise it throws out of a timer, where nobody can catch it.
  onCompromised: () => {},
}

async function acquire(path: string): Promise<() => Promise<void>> {
  const { default: lockfile } = await import('proper-lockfile')
  const retries = { retries: 10, minTimeout: 25, maxTimeout: 200, factor: 1.5, randomize: true }
  const startedAt = performance.now()
  for (;;) {
    try {
      return await lockfile.lock(path, { ...options, retries })
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ELOCKED') refuse(path, code)
      if (performance.now() - startedAt > patienceMs) refuse(path, 'another latchkey holds it')
      await removeStale(path)
    }
  }
}

/** Under a lock of its own, so that what is removed is what was looked at. */
async function removeStale(path: string): Promise<void> {
  const { default: lockfile } = await import('proper-lockfile')
  const release = await lockfile.lock(`${path}.takeover`, { ...options, stale: staleMs }).catch(() => null)
  // Another program is at it.
  if (release === null) return
  try {
    const { mtimeMs } = await stat(`${path}.lock`)
    if (mtimeMs < Date.now() - staleMs) await rmdir(`${path}.lock`)
  } catch {
    // It was released meanwhile, or cannot be removed: either shows at the next attempt.
  } finally {
    await release().catch(() => {})
  }
}

function refuse(path: string, why: string | undefined): never {
  throw new CommandFailed(exitCodes.files, `cannot lock ${path} (${why})`)
}
