import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Postgresql } from '../support/postgresql.js'
import { waitUntilAnswers } from '../support/wait.js'
import type { Home } from './homes.js'
import { openLedger } from './ledger.js'

export interface KillOutcome {
  kills: number
  acknowledged: number
  lost: string[]
  undone: string[]
  /** From the start of the process, or of the database, until `/health/ready`. */
  readyMs: number[]
  /** The CPU time of the service until then, which is what it would take at most on a machine of its own. */
  readyCpuMs: number[]
}

const clients = 8

/** Kills the service again and again while keys are made and revoked, and looks at every key after each restart. */
export async function killService(home: Home, kills: number): Promise<KillOutcome> {
  const ledger = openLedger(home)
  const outcome = emptyOutcome(kills)
  let service = await home.start()
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      const endLoad = await ledger.beginLoad(clients)
      await ledger.waitForMore(randomInt(15, 80))
      await service.kill()
      await endLoad()

      const begun = performance.now()
      service = await home.start()
      outcome.readyMs.push(performance.now() - begun)
      outcome.readyCpuMs.push(await readCpuMs(service.pid))
      const { lost, undone } = await ledger.judge()
      outcome.lost.push(...lost)
      outcome.undone.push(...undone)
    }
    return { ...outcome, acknowledged: ledger.acknowledged }
  } finally {
    await service.kill()
  }
}

/** The same with the database server under the service, which stays. */
export async function crashDatabase(
  home: Home,
  postgresql: Postgresql,
  crashes: number,
): Promise<KillOutcome> {
  const ledger = openLedger(home)
  const outcome = emptyOutcome(crashes)
  const service = await home.start()
  try {
    for (let crash = 0; crash < crashes; crash += 1) {
      const endLoad = await ledger.beginLoad(clients)
      await ledger.waitForMore(randomInt(15, 80))
      await postgresql.crash()
      await endLoad()

      await postgresql.restart()
      const begun = performance.now()
      await waitUntilAnswers(`${home.url}/health/ready`, { timeoutMs: 30_000 })
      outcome.readyMs.push(performance.now() - begun)
      const { lost, undone } = await ledger.judge()
      outcome.lost.push(...lost)
      outcome.undone.push(...undone)
    }
    return { ...outcome, acknowledged: ledger.acknowledged }
  } finally {
    await service.kill()
  }
}

function emptyOutcome(kills: number): KillOutcome {
  return { kills, acknowledged: 0, lost: [], undone: [], readyMs: [], readyCpuMs: [] }
}

/** User and system time of a process so far; its name, which may hold anything, ends with the last bracket. */
async function readCpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number)
  // In ticks of the clock that Linux shows to programs, a hundred a second.
  return (user + system) * 10
}
