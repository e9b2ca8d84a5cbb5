import { statfs } from 'node:fs/promises'
import type { EmbeddedSession } from './embedded-session.js'

export interface UpkeepOptions {
  folder: string
  session: Pick<EmbeddedSession, 'hasStopped' | 'reopen' | 'isLogLong' | 'noteCheckpoint'>
  /** Runs a statement on the session, between two transactions. */
  run(statement: string): Promise<unknown>
  log(message: string, details: { error: unknown }): void
}

const everyMs = 500
const mebibyte = 1_048_576
// The log grows by 16 MiB at once, and PostgreSQL stops when it cannot: what refuses to write in time goes on reading.
const neededBytes = 32 * mebibyte
const enoughBytes = 48 * mebibyte
const reopenEveryMs = 5_000

/**
 * Does for the embedded database what a PostgreSQL server's helpers and its operator do: checkpoints, without which the
 * log grows for ever; no writes while the disk is nearly full, so that reading goes on; opening anew what has stopped.
 * @returns ends it
 */
export function startUpkeep(options: UpkeepOptions): () => void {
  const { folder, session, run, log } = options
  let isFull = false
  let isReadOnly = false
  let isBusy = false
  let reopenAt = 0
  const timer = setInterval(() => {
    if (isBusy) return
    isBusy = true
    // What fails is tried again; whoever asks the database meanwhile is told.
    void keepUp()
      .catch(() => {})
      .finally(() => {
        isBusy = false
      })
  }, everyMs).unref()
  return () => clearInterval(timer)

  async function keepUp(): Promise<void> {
    noteRoom(await measureRoomBytes(folder))
    if (session.hasStopped()) return await reopen()
    // Each time, not once: a session that was opened anew has forgotten it.
    if (isFull) await setReadOnly(true)
    else if (isReadOnly) await setReadOnly(false)
    else if (session.isLogLong()) await checkpoint()
  }

  function noteRoom(roomBytes: number): void {
    const wasFull = isFull
    isFull = roomBytes < (wasFull ? enoughBytes : neededBytes)
    if (isFull === wasFull) return
    const free = `${Math.floor(roomBytes / mebibyte)} MiB are free in ${folder}`
    if (isFull)
      tell(`The disk is nearly full, so nothing is stored until there is room; reading goes on: ${free}`)
    else tell(`The disk has room again, and changes are stored: ${free}`)
  }

  function tell(message: string): void {
    log(message, { error: undefined })
  }

  async function setReadOnly(wanted: boolean): Promise<void> {
    await run(`SET default_transaction_read_only = ${wanted ? 'on' : 'off'}`)
    isReadOnly = wanted
  }

  async function reopen(): Promise<void> {
    if (isFull || performance.now() < reopenAt) return
    reopenAt = performance.now() + reopenEveryMs
    try {
      await session.reopen()
      tell('The embedded database had stopped, and is open again')
    } catch (error) {
      log('The embedded database has stopped and cannot be opened again', { error })
    }
  }

  async function checkpoint(): Promise<void> {
    session.noteCheckpoint()
    await run('CHECKPOINT')
  }
}

async function measureRoomBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}
