import { isOfThisMachine, LockHeld, type LockHolder, takeProcessLock } from '../process-lock.js'

/** Another process, or this one, has the folder open. */
export class DirectoryInUse extends Error {
  override readonly name = 'DirectoryInUse'

  constructor(folder: string, holder: LockHolder) {
    const who = describeHolder(holder)
    const where = isOfThisMachine(holder) ? '' : ' of another container or machine'
    super(
      `The database folder ${folder} is in use by ${who}${where}. Stop that process, or choose another folder; ` +
        `two processes on one folder destroy it (the lock is ${folder}.lock)`,
    )
  }
}

function describeHolder({ pid }: LockHolder): string {
  // A lock that this user may not read names nobody.
  if (pid === 0) return 'a process'
  return pid === process.pid ? 'this process' : `process ${pid}`
}

/**
 * Makes this process the only one on the folder: PGlite takes no lock, and two writers silently destroy what both
 * acknowledged.
 * @param silenceMs how long another container or machine has to be silent, default 15000
 * @param mode of the lock's file, default 0600
 * @returns gives the lock back; also done when the process exits
 * @throws DirectoryInUse
 */
export async function lockDirectory(folder: string, silenceMs?: number, mode?: number): Promise<() => void> {
  try {
    return await takeProcessLock(`${folder}.lock`, silenceMs, mode)
  } catch (error) {
    throw error instanceof LockHeld ? new DirectoryInUse(folder, error.holder) : error
  }
}
