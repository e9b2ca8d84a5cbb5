import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeTemporaryFolder } from '../../test/e2e/support/folders.js'
import { findFreePort } from '../../test/e2e/support/ports.js'
import type { Postgresql } from '../../test/e2e/support/postgresql.js'
import { readProcessCpu } from '../database-cpu.js'
import type { Ready } from '../messages.js'
import { asRequest } from '../requests.js'
import type { MeasuredServer } from '../rounds.js'
import { type BenchService, startEmbedded, startOnPostgresql } from './service.js'

/** The built service, with one service behind its gateway. */
export interface Gateway extends MeasuredServer {
  pid: number
}

export interface GatewayPlan {
  upstream: string
  /** Default: the embedded database. */
  postgresql?: Postgresql
  /** Settings beyond those of every gateway here. */
  env?: Record<string, string>
  /** What its requests carry. */
  present(bench: BenchService): Promise<Pick<Ready, 'storedKeys'> & { credential: Record<string, string> }>
}

const prefix = '/bench'

export async function openGateway({
  upstream,
  postgresql,
  env = {},
  present,
}: GatewayPlan): Promise<Gateway> {
  const [port, folder] = [await findFreePort(), await makeTemporaryFolder('gateway')]
  const servicesFile = join(folder, 'services.json')
  await writeFile(servicesFile, JSON.stringify(servicesOf(upstream)))
  const settings = { GATEWAY_PORT: String(port), SERVICES_FILE: servicesFile, ...env }
  const bench = await (postgresql === undefined
    ? startEmbedded(settings)
    : startOnPostgresql(postgresql, settings))
  const { credential, ...keys } = await present(bench)
  const { pid } = bench.service
  return {
    pid,
    ready: { port, request: asRequest(port, credential, prefix), status: 200, ...keys },
    readCpuMicros: async () => readCpuMicros(pid),
    rest: async () => {},
    stop: async () => {
      await bench.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The CPU time of a process, in microseconds. */
export const readCpuMicros = (pid: number): number =>
  [...readProcessCpu(pid).values()].reduce((sum, one) => sum + one, 0)

const servicesOf = (target: string) => ({
  groups: [{ id: 'bench', name: 'Benchmark' }],
  services: [{ id: 'bench', name: 'Benchmark', group: 'bench', prefix, target }],
})
