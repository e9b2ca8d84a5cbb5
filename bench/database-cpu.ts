import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runSql } from '../test/e2e/support/postgresql.js'

/** CPU time, in microseconds, that each process of a server has used so far, by its pid. */
export type DatabaseCpu = ReadonlyMap<number, number>

/** @returns reads the CPU time of the server and all its backends */
export async function openDatabaseCpu(superuserUrl: string): Promise<() => DatabaseCpu> {
  const [row] = await runSql(superuserUrl, 'SHOW data_directory')
  const server = Number(readFileSync(join(row?.data_directory, 'postmaster.pid'), 'utf8').split('\n')[0])
  return () => readProcessCpu(server)
}

/** The CPU time of a process and of its children. */
export const readProcessCpu = (pid: number): DatabaseCpu =>
  new Map([pid, ...childrenOf(pid)].map((one) => [one, cpuMicrosOf(one)]))

/** What was used between two readings. A process that ended between them is left out: none that served did. */
export function microsBetween(before: DatabaseCpu, after: DatabaseCpu): number {
  return [...after].reduce((sum, [pid, micros]) => sum + micros - (before.get(pid) ?? 0), 0)
}

const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)

/** Of all its threads: nanoseconds on a core, where `/proc/<pid>/stat` counts ticks of 10 ms; 0 for what has just ended. */
function cpuMicrosOf(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    return threads.reduce((sum, thread) => sum + nanosOf(`/proc/${pid}/task/${thread}/schedstat`), 0) / 1000
  } catch {
    return 0
  }
}

const nanosOf = (file: string) => Number(readFileSync(file, 'utf8').split(' ')[0])
