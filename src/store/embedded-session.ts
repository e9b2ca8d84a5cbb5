import type { PGlite } from '@electric-sql/pglite'
import { StoreUnavailable } from './unavailable.js'

/** PGlite on a folder, from its start to its end. */
export interface OpenedFolder {
  lite: PGlite
  /** Whether PostgreSQL gave up, as it does when it cannot write its log. Nothing may be asked of it then. */
  hasStopped(): boolean
  /** Gives back what a PostgreSQL that has stopped left open. */
  abandon(): void
  /** Resolves when all that was committed before is on the disk. */
  syncLog(): Promise<void>
  /** Whether so much of the log was written since the last checkpoint that the next one is due. */
  isLogLong(): boolean
  noteCheckpoint(): void
}

/** The embedded database's one session, which outlives PostgreSQL's own end. */
export interface EmbeddedSession {
  /**
   * Exchanges messages of PostgreSQL's protocol.
   * @throws StoreUnavailable while PostgreSQL has stopped
   */
  exchange: PGlite['execProtocolStream']
  /** @throws StoreUnavailable */
  syncLog(): Promise<void>
  isLogLong(): boolean
  noteCheckpoint(): void
  hasStopped(): boolean
  /** Opens the folder anew, as a start after a crash does. */
  reopen(): Promise<void>
  dump(): Promise<Blob>
  close(): Promise<void>
}

/**
 * Opens the folder. PGlite goes on after PostgreSQL has given up, and never answers again: here whoever asks is told at
 * once, until it is opened anew.
 */
export async function openSession(open: () => Promise<OpenedFolder>): Promise<EmbeddedSession> {
  let opened = await open()

  function requireRunning(): OpenedFolder {
    if (opened.hasStopped()) throw new StoreUnavailable(new Error('The embedded database has stopped'))
    return opened
  }

  return {
    exchange: async (message, options) => {
      const { lite, hasStopped } = requireRunning()
      const answer = await lite.execProtocolStream(message, options)
      const panic = answer.find(({ name }) => name === 'error')
      if (hasStopped())
        throw new StoreUnavailable(panic ?? new Error('The embedded database stopped just now'))
      return answer
    },
    syncLog: async () => await requireRunning().syncLog(),
    isLogLong: () => opened.isLogLong(),
    noteCheckpoint: () => opened.noteCheckpoint(),
    hasStopped: () => opened.hasStopped(),
    reopen: async () => {
      opened.abandon()
      opened = await open()
    },
    dump: async () => await requireRunning().lite.dumpDataDir('none'),
    close: async () => {
      // What has stopped cannot say goodbye; the next start finds what it had stored.
      if (opened.hasStopped()) opened.abandon()
      else await opened.lite.close()
    },
  }
}
