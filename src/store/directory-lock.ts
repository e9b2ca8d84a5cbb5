import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, readlinkSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const heartbeatMs = 2_000
// Longer than the embedded database ever keeps the event loop: its first start on a slow machine.
const defaultSilenceMs = 15_000

interface Holder {
  pid: number
  /** When the process began, by its kernel: a reused pid has another. Empty where the system does not tell. */
  startedAt: string
  /** Boot and pid namespace: in another container or machine the same pid is a process that we cannot ask about. */
  namespace: string
  nonce: string
}

/** Another process, or this one, has the folder open. */
export class DirectoryInUse extends Error {
  override readonly name = 'DirectoryInUse'

  constructor(folder: string, holder: Holder) {
    const who = holder.pid === process.pid ? 'this process' : `process ${holder.pid}`
    const where = holder.namespace === readNamespace() ? '' : ' of another container or machine'
    super(
      `The database folder ${folder} is in use by ${who}${where}. Stop that process, or choose another folder; ` +
        `two processes on one folder destroy it (the lock is ${folder}.lock)`,
    )
  }
}

/**
 * Makes this process the only one on the folder: PGlite takes no lock, and two writers silently destroy what both
 * acknowledged. The lock of a killed process is taken over; that of another container or machine once it has
 * been silent.
 * @param silenceMs how long another container or machine has to be silent, default 15000
 * @returns gives the lock back; also done when the process exits
 * @throws DirectoryInUse
 */
export async function lockDirectory(folder: string, silenceMs = defaultSilenceMs): Promise<() => void> {
  const lock = `${folder}.lock`
  const self = describeSelf()
  for (;;) {
    const holder = takeOrRead(lock, self)
    if (holder === undefined) return holdLock(lock, self)
    if (await isHeld(lock, holder, silenceMs)) throw new DirectoryInUse(folder, holder)
    removeStale(lock, holder, self)
  }
}

/** Takes the lock and returns nothing, or returns who has it. */
function takeOrRead(lock: string, self: Holder): Holder | undefined {
  const draft = `${lock}.${self.nonce}`
  writeFileSync(draft, JSON.stringify(self), { mode: 0o600 })
  try {
    for (;;) {
      // A link appears whole or not at all: no one ever reads a half-written lock.
      if (tryLink(draft, lock)) return undefined
      const holder = readHolder(lock)
      if (holder !== undefined) return holder
    }
  } finally {
    rmSync(draft, { force: true })
  }
}

/**
 * Removes the lock of a dead process. Only one may do so at a time, by a lock of the same kind: the second of two
 * would remove what the first has just put in its place.
 */
function removeStale(lock: string, dead: Holder, self: Holder): void {
  const right = `${lock}.takeover`
  const other = takeOrRead(right, self)
  if (other !== undefined) {
    if (!isRunning(other)) removeStale(right, other, self)
    return
  }
  try {
    if (readHolder(lock)?.nonce === dead.nonce) rmSync(lock, { force: true })
  } finally {
    rmSync(right, { force: true })
  }
}

async function isHeld(lock: string, holder: Holder, silenceMs: number): Promise<boolean> {
  return holder.namespace === readNamespace() ? isRunning(holder) : await hasHeartbeat(lock, silenceMs)
}

function isRunning(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    // EPERM: it runs, under another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const startedAt = readStart(holder.pid)
  return startedAt === '' || holder.startedAt === '' || startedAt === holder.startedAt
}

/** Watches instead of comparing clocks, which two machines need not share. */
async function hasHeartbeat(lock: string, silenceMs: number): Promise<boolean> {
  const before = readBeat(lock)
  for (let waitedMs = 0; waitedMs < silenceMs; waitedMs += 250) {
    await sleep(250)
    if (readBeat(lock) !== before) return true
  }
  return false
}

function holdLock(lock: string, self: Holder): () => void {
  const beat = setInterval(() => touch(lock), heartbeatMs).unref()
  const release = () => {
    clearInterval(beat)
    process.off('exit', release)
    if (readHolder(lock)?.nonce === self.nonce) rmSync(lock, { force: true })
  }
  process.once('exit', release)
  return release
}

function touch(lock: string): void {
  const now = new Date()
  try {
    utimesSync(lock, now, now)
  } catch {
    // The folder was taken away under us: the database will say so on its next write.
  }
}

function tryLink(draft: string, lock: string): boolean {
  try {
    linkSync(draft, lock)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function readHolder(lock: string): Holder | undefined {
  const text = readIfPresent(lock)
  if (text === '') return undefined
  try {
    return JSON.parse(text) as Holder // Written by this very module, and whole by the link.
  } catch (error) {
    throw new Error(`The lock ${lock} cannot be read; remove it if no process uses the database`, {
      cause: error,
    })
  }
}

function describeSelf(): Holder {
  return {
    pid: process.pid,
    startedAt: readStart(process.pid),
    namespace: readNamespace(),
    nonce: randomUUID(),
  }
}

/** When a process began, in ticks since the boot, or nothing where there is no /proc. */
function readStart(pid: number): string {
  const stat = readIfPresent(`/proc/${pid}/stat`)
  // The second field, the name, may hold blanks and brackets; the 22nd is the start time.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function readNamespace(): string {
  try {
    return `${readIfPresent('/proc/sys/kernel/random/boot_id').trim()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return ''
  }
}

function readBeat(lock: string): number | undefined {
  return statSync(lock, { throwIfNoEntry: false })?.mtimeMs
}

function readIfPresent(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
