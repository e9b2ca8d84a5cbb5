import { closeSync, fdatasyncSync, openSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { StoreUnavailable } from './unavailable.js'

/** Brings the embedded database's log to the disk; one of these for each open folder. */
export interface WalSync {
  /** Notes that the log's segment was written to and still has to reach the disk. */
  defer(segment: string): void
  /**
   * Resolves when all that was deferred before this call is on the disk. Callers that come while a sync runs share
   * the next one, for the running one may have begun before their commit.
   * @throws StoreUnavailable when the disk refused, now or ever before
   */
  flush(): Promise<void>
  /** The same at once, blocking: the log must reach the disk before the pages that it describes. */
  flushNow(): void
}

/** What the log asks of the disk; replaced only to observe the order of things. */
export interface SegmentDisk {
  sync(segment: string): Promise<void>
  syncNow(segment: string): void
}

/** A log on the real disk, unless told otherwise. */
export function createWalSync(disk: SegmentDisk = realDisk): WalSync {
  const deferred = new Set<string>()
  let syncing: string[] = []
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  let failure: StoreUnavailable | undefined

  // After a refusal the kernel may call lost pages clean, and a second sync would lie: stay failed until a restart.
  function fail(error: unknown): never {
    failure ??= new StoreUnavailable(error)
    throw failure
  }

  async function syncDeferred(): Promise<void> {
    syncing = [...deferred]
    deferred.clear()
    try {
      await Promise.all(syncing.map((segment) => disk.sync(segment)))
    } catch (error) {
      fail(error)
    } finally {
      syncing = []
      running = undefined
    }
  }

  function start(): Promise<void> {
    next = undefined
    if (failure) return Promise.reject(failure)
    running = syncDeferred()
    return running
  }

  return {
    defer: (segment) => void deferred.add(segment),
    flush: () => {
      if (failure) return Promise.reject(failure)
      if (deferred.size === 0) return running ?? Promise.resolve()
      if (!running) return start()
      next ??= running.then(start, start)
      return next
    },
    flushNow: () => {
      if (failure) throw failure
      try {
        for (const segment of new Set([...syncing, ...deferred])) disk.syncNow(segment)
        deferred.clear()
      } catch (error) {
        fail(error)
      }
    },
  }
}

const realDisk: SegmentDisk = {
  sync: async (segment) => {
    try {
      const file = await open(segment, 'r+')
      await file.datasync().finally(() => file.close())
    } catch (error) {
      ignoreMissing(error)
    }
  },
  syncNow: (segment) => {
    try {
      const file = openSync(segment, 'r+')
      try {
        fdatasyncSync(file)
      } finally {
        closeSync(file)
      }
    } catch (error) {
      ignoreMissing(error)
    }
  },
}

// A checkpoint gives old segments new names, and it does so only after all they hold reached the disk.
function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}
