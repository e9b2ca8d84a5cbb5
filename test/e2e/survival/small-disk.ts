import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runCommand } from '../support/command.js'
import { makeTemporaryFolder } from '../support/folders.js'

/** A disk that is full as soon as a test wants it. */
export interface SmallDisk {
  folder: string
  /** Takes what is left, as a log that nobody rotates does. */
  fill(): void
  /** Gives it back. */
  makeRoom(): void
  remove(): Promise<void>
}

/** Mounts a file system in memory, which takes root: see `canMount`. */
export async function mountSmallDisk(sizeMiB: number): Promise<SmallDisk> {
  const folder = await makeTemporaryFolder('small-disk')
  await runCommand('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m,mode=0700`, 'tmpfs', folder])
  const filler = join(folder, 'filler')
  return {
    folder,
    fill: () => fillDisk(filler),
    makeRoom: () => rmSync(filler, { force: true }),
    remove: async () => {
      await runCommand('umount', [folder])
      await rm(folder, { recursive: true })
    },
  }
}

/** Whether this user may mount; says aloud when not, since the tests that need it are left out then. */
export async function canMount(): Promise<boolean> {
  try {
    await (await mountSmallDisk(1)).remove()
    return true
  } catch (error) {
    console.warn(`NOT TRIED: a full disk, because no file system can be mounted here (${String(error)})`)
    return false
  }
}

function fillDisk(filler: string): void {
  const file = openSync(filler, 'a')
  const block = Buffer.alloc(4096)
  try {
    // Until the system refuses, and no further than it says there is room.
    for (let left = statfsSync(filler).bavail; left >= 0; left -= 1) writeSync(file, block)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(file)
  }
}
