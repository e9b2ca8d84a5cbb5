import { readFileSync } from 'node:fs'
import { startWorker } from '../messages.js'
import { openGateway } from '../programs/gateway.js'
import { startVariant } from '../rounds.js'
import { asCount, findMiss, type RunOptions, type Section } from '../section.js'
import { median } from '../statistics.js'
import { copyEmbedded } from '../stores.js'

/** A million with the amounts of a measurement, fewer in a look. */
const countRequests = ({ blocks, rounds, requests }: RunOptions) =>
  Math.min(1_000_000, blocks * rounds * requests * 8)
/** After each the memory is read. */
const steps = 50
/** The last fifth in units of the second one: the first fills caches, and compiles. */
const target = 1.1
const connections = 16

/** Whether the memory of the gateway stays what it is over a million requests, each with another of many keys. */
export async function measureGatewayMemory(options: RunOptions): Promise<Section> {
  const storedKeys = Math.max(...options.keys)
  const requestsInAll = countRequests(options)
  const upstream = await startVariant('upstream')
  const gateway = await openGateway({
    upstream: `http://127.0.0.1:${upstream.ready.port}`,
    env: { DATA_DIR: await copyEmbedded(storedKeys) },
    present: async () => ({ credential: { 'X-API-Key': '{key}' }, storedKeys }),
  })
  const load = startWorker('./load.js')
  try {
    const megabytes: number[] = []
    for (let step = 0; step < steps; step++) {
      await load.ask({ ...gateway.ready, connections, requests: Math.ceil(requestsInAll / steps) })
      megabytes.push(readResidentMegabytes(gateway.pid))
    }
    return describe(megabytes, requestsInAll, storedKeys)
  } finally {
    await Promise.all([load, gateway, upstream].map((one) => one.stop()))
  }
}

/** What the process holds in memory, its embedded database included. */
function readResidentMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return (Number(kilobytes) * 1024) / 1e6
}

function describe(megabytes: readonly number[], requestsInAll: number, storedKeys: number): Section {
  const fifth = megabytes.length / 5
  const medians = [0, 1, 2, 3, 4].map((at) => median(megabytes.slice(at * fifth, (at + 1) * fifth)))
  const [, second = Number.NaN, , , last = Number.NaN] = medians
  return {
    heading: 'Memory of the gateway',
    setup: `${asCount(requestsInAll)} requests with ${asCount(storedKeys)} keys in turn; resident, the embedded database included`,
    head: [
      '',
      ...medians.map((_, at) => `requests to ${asCount(((at + 1) * requestsInAll) / 5)}`),
      'ratio',
      'target',
    ],
    rows: [
      [
        'MB, median of the fifth',
        ...medians.map((one) => one.toFixed(0)),
        (last / second).toFixed(2),
        `≤ ${target}`,
      ],
    ],
    misses: findMiss('Memory of the gateway', last / second, target),
  }
}
