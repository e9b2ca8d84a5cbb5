import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  linkSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const heartbeatMs = 2_000
const retryTakeoverMs = 20
// Longer than the embedded database ever keeps the event loop: its first start on a slow machine.
const defaultSilenceMs = 15_000

/** The process that has a lock. */
export interface LockHolder {
  pid: number
  /** When the process began, by its kernel: a reused pid has another. Empty where the system does not tell. */
  startedAt: string
  /** Boot and pid namespace: in another container or machine the same pid is a process that we cannot ask about. */
  namespace: string
  nonce: string
}

/** Another process has the lock, or this one has it already. */
export class LockHeld extends Error {
  override readonly name = 'LockHeld'
  constructor(readonly holder: LockHolder) {
    super(`The lock is held by process ${holder.pid}`)
  }
}

/** Whether the holder can be asked about by its pid: it is in the same boot and pid namespace. */
export const isOfThisMachine = (holder: LockHolder): boolean => holder.namespace === readNamespace()

/**
 * Takes a lock between processes. The lock of a killed process is taken over at once; that of another container or
 * machine once it has been silent.
 * @param lock path of the lock's file, which need not be there
 * @param silenceMs how long another container or machine has to be silent, default 15000
 * @param mode of the lock's file, default 0600
 * @returns gives the lock back; also done when the process exits
 * @throws LockHeld, and what the file system throws
 */
export async function takeProcessLock(
  lock: string,
  silenceMs = defaultSilenceMs,
  mode = 0o600,
): Promise<() => void> {
  const self = describeSelf()
  const claim = { self, mode, silenceMs }
  for (;;) {
    const holder = takeOrRead(lock, claim)
    if (holder === undefined) return holdLock(lock, self)
    if (await isHeld(lock, holder, silenceMs)) throw new LockHeld(holder)
    await removeStale(lock, holder, claim)
  }
}

/** What a process that wants a lock says of itself. */
interface Claim {
  self: LockHolder
  mode: number
  silenceMs: number
}

/** Takes the lock and returns nothing, or returns who has it. */
function takeOrRead(lock: string, { self, mode }: Claim): LockHolder | undefined {
  const draft = `${lock}.${self.nonce}`
  writeFileSync(draft, JSON.stringify(self), { mode })
  // The umask takes away what the group may.
  chmodSync(draft, mode)
  try {
    for (;;) {
      if (tryTake(draft, lock, { self, mode })) return undefined
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
async function removeStale(lock: string, dead: LockHolder, claim: Claim): Promise<void> {
  const right = `${lock}.takeover`
  const other = takeOrRead(right, claim)
  if (other !== undefined) {
    if (await isHeld(right, other, claim.silenceMs)) await sleep(retryTakeoverMs)
    else await removeStale(right, other, claim)
    return
  }
  try {
    // Recursive, because the command line of earlier releases made folders.
    if (readHolder(lock)?.nonce === dead.nonce) rmSync(lock, { force: true, recursive: true })
  } finally {
    rmSync(right, { force: true })
  }
}

async function isHeld(lock: string, holder: LockHolder, silenceMs: number): Promise<boolean> {
  if (!isOfThisMachine(holder)) return hasHeartbeat(lock, silenceMs)
  if (!isRunning(holder)) return false
  // Without the time of its start, the pid may be that of another program by now.
  return holder.startedAt !== '' || hasHeartbeat(lock, silenceMs)
}

function isRunning(holder: LockHolder): boolean {
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

function holdLock(lock: string, self: LockHolder): () => void {
  const beat = setInterval(() => touch(lock), heartbeatMs).unref()
  const release = () => {
    clearInterval(beat)
    process.off('exit', release)
    try {
      if (readHolder(lock)?.nonce === self.nonce) rmSync(lock, { force: true })
    } catch {
      // The folder does not let it: without heartbeats the lock counts as one of a dead process.
    }
  }
  process.once('exit', release)
  return release
}

function touch(lock: string): void {
  const now = new Date()
  try {
    utimesSync(lock, now, now)
  } catch {
    // The folder was removed: the work that the lock is for finds that out by itself.
  }
}

/** What link answers on file systems that have no hard links. */
const linkless: unknown[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']

function tryTake(draft: string, lock: string, { self, mode }: Pick<Claim, 'self' | 'mode'>): boolean {
  try {
    // A link appears whole or not at all: a half-written lock is never read.
    return attempt(() => linkSync(draft, lock))
  } catch (error) {
    if (!linkless.includes((error as NodeJS.ErrnoException).code)) throw error
    return attempt(() => writeFileSync(lock, JSON.stringify(self), { mode, flag: 'wx' }))
  }
}

function attempt(take: () => void): boolean {
  try {
    take()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** A lock whose process was killed before it had written it. It is looked at as one of another machine: by its age. */
const unfinished: LockHolder = { pid: 0, startedAt: '', namespace: 'unfinished', nonce: '' }

function readHolder(lock: string): LockHolder | undefined {
  const text = readIfPresent(lock)
  if (text === '') return readBeat(lock) === undefined ? undefined : unfinished
  try {
    return JSON.parse(text) as LockHolder // Written by this very module.
  } catch (error) {
    throw new Error(`The lock ${lock} cannot be read; remove it if no process uses what it is for`, {
      cause: error,
    })
  }
}

function describeSelf(): LockHolder {
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
