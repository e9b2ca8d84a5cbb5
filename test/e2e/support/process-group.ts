import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { projectFolder } from './folders.js'

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface ProcessGroupOptions {
  /** Takes what the group prints; begun anew. */
  logFile: string
  cwd?: string
  /** The whole environment; nothing is inherited. */
  env: NodeJS.ProcessEnv
  /** Run as this system user (only root can). */
  user?: SystemUser
  /** Asks the group to end. Default SIGTERM. */
  stopSignal?: 'SIGTERM' | 'SIGINT'
  /** A temporary folder to remove should this process die before it stopped the group. */
  temporaryFolder?: string
}

export interface SystemUser {
  uid: number
  gid: number
}

export interface ProcessGroup {
  /** Of the leader, and of the group. */
  pid: number
  /** Resolves when the leader has ended. */
  exited: Promise<Exit>
  hasExited(): boolean
  /** Everything printed so far. */
  log(): Promise<string>
  signal(name: NodeJS.Signals): void
  /** Asks the group to end, kills what is left after `graceMs` (default 20 s), and returns how the leader ended. */
  stop(graceMs?: number): Promise<Exit>
}

/**
 * Starts a command as the leader of a process group of its own, which never outlives this process.
 * @throws when the command cannot be run
 */
export async function startProcessGroup(
  command: string,
  args: string[],
  options: ProcessGroupOptions,
): Promise<ProcessGroup> {
  const stopSignal = options.stopSignal ?? 'SIGTERM'
  const leader = spawnLeader(command, args, options)
  await once(leader, 'spawn')
  const pid = requirePid(leader)
  const guard = startGuard(pid, stopSignal, options.temporaryFolder)

  let exit: Exit | undefined
  const exited = once(leader, 'exit').then(([code, signal]): Exit => {
    exit = { code, signal }
    return exit
  })

  return {
    pid,
    exited,
    hasExited: () => exit !== undefined,
    log: async () => await readFile(options.logFile, 'utf8'),
    signal: (name) => signalGroup(pid, name),
    async stop(graceMs = 20_000) {
      signalGroup(pid, 'SIGCONT')
      signalGroup(pid, stopSignal)
      if (!(await waitUntilGone(pid, graceMs))) signalGroup(pid, 'SIGKILL')
      const lastExit = await exited
      await waitUntilGone(pid, 5_000)
      dismissGuard(guard)
      return lastExit
    },
  }
}

/** Signals every process of a group; one that has ended already is no error. */
export function signalGroup(pid: number, name: NodeJS.Signals): void {
  signalProcess(-pid, name)
}

/** Signals one process; one that has ended already is no error. */
export function signalProcess(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!isNoSuchProcess(error)) throw error
  }
}

function spawnLeader(command: string, args: string[], options: ProcessGroupOptions): ChildProcess {
  mkdirSync(dirname(options.logFile), { recursive: true })
  const log = openSync(options.logFile, 'w')
  try {
    return spawn(command, args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: options.env,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...options.user,
    })
  } finally {
    closeSync(log)
  }
}

/** See guard.sh. It leads a group of its own, so that Ctrl-C at the terminal does not reach it. */
function startGuard(pid: number, stopSignal: string, temporaryFolder = ''): ChildProcess {
  const args = [
    join(projectFolder, 'test/e2e/support/guard.sh'),
    String(pid),
    stopSignal.slice(3),
    temporaryFolder,
  ]
  const guard = spawn('sh', args, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  // Neither may keep this process alive.
  guard.unref()
  if (guard.stdin instanceof Socket) guard.stdin.unref()
  return guard
}

function dismissGuard(guard: ChildProcess): void {
  // A guard that is gone already has nothing to be told.
  guard.stdin?.on('error', () => {})
  guard.stdin?.end('\n')
}

async function waitUntilGone(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs
  while (isGroupAlive(pid)) {
    if (Date.now() >= deadline) return false
    await delay(50)
  }
  return true
}

function isGroupAlive(pid: number): boolean {
  try {
    process.kill(-pid, 0)
    return true
  } catch (error) {
    if (isNoSuchProcess(error)) return false
    throw error
  }
}

function isNoSuchProcess(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ESRCH'
}

function requirePid(leader: ChildProcess): number {
  if (leader.pid === undefined) throw new Error('A spawned process has no process id')
  return leader.pid
}
