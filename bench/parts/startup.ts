import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { logsFolder, projectFolder } from '../../test/e2e/support/folders.js'
import { findFreePort } from '../../test/e2e/support/ports.js'
import { startProcessGroup } from '../../test/e2e/support/process-group.js'
import { shuffled } from '../rounds.js'
import { asCount, findMiss, type RunOptions, type Section } from '../section.js'
import { median, pairedRatios } from '../statistics.js'
import { storedKey } from '../stored-keys.js'
import { copyEmbedded, startCopy } from '../stores.js'

interface Case {
  engine: string
  keys: number
  /** Of the service. */
  env: Record<string, string>
  /** From the start of the process, a value for each round. */
  liveMs: number[]
  checkedMs: number[]
  stop?: () => Promise<void>
}

/** In units of the same start with hardly any keys. "As fast" leaves room for what two starts differ by anyway. */
const target = 1.1
/** None but the one that asks: somebody has to be let in at the end. */
const fewest = 1
const patienceMs = 60_000

/** How long the built service takes from its start until it answers, and until it has let in the first key. */
export async function measureStartup({ blocks, rounds, keys }: RunOptions): Promise<Section> {
  const cases: Case[] = []
  try {
    for (const count of [fewest, Math.max(...keys)]) {
      cases.push(await openEmbedded(count), await openPostgresql(count))
    }
    // The first start makes secrets, and reads all files from the disk.
    for (const one of cases) await timeStart(one)
    // Each takes seconds.
    const starts = Math.ceil((blocks * rounds) / 2)
    for (let start = 0; start < starts; start++) {
      for (const one of shuffled(cases)) {
        const { liveMs, checkedMs } = await timeStart(one)
        one.liveMs.push(liveMs)
        one.checkedMs.push(checkedMs)
      }
    }
    return describe(cases, `${starts} starts of each`)
  } finally {
    for (const { stop } of cases) await stop?.()
  }
}

async function openEmbedded(keys: number): Promise<Case> {
  const env = { DATA_DIR: await copyEmbedded(keys) }
  return { engine: 'embedded', keys, env, liveMs: [], checkedMs: [] }
}

async function openPostgresql(keys: number): Promise<Case> {
  const { url, stop } = await startCopy(keys)
  const env = {
    DATABASE_URL: url,
    // Nobody logs in here, so it need not be there.
    OIDC_ISSUER: 'http://127.0.0.1:9/realms/bench',
    OIDC_CLIENT_SECRET: randomUUID(),
    SESSION_SECRET: randomUUID(),
  }
  return { engine: 'PostgreSQL', keys, env, liveMs: [], checkedMs: [], stop }
}

/** One start, and an orderly end. */
async function timeStart({ engine, env }: Case): Promise<{ liveMs: number; checkedMs: number }> {
  const port = await findFreePort()
  const startedAt = performance.now()
  const service = await startProcessGroup(process.execPath, [join(projectFolder, 'dist/src/server.js')], {
    // A folder without `.env`.
    cwd: logsFolder,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      PORT: String(port),
      GATEWAY_PORT: 'off',
      ...env,
    },
    logFile: join(logsFolder, `bench-${port}.log`),
  })
  try {
    const waitFor = async (path: string, headers: Record<string, string>) => {
      const deadline = startedAt + patienceMs
      while ((await askStatus(port, path, headers)) !== 200) {
        if (service.hasExited() || performance.now() > deadline)
          throw new Error(`The service (${engine}) did not answer ${path}:\n${await service.log()}`)
        await sleep(2)
      }
      return performance.now() - startedAt
    }
    const liveMs = await waitFor('/health/live', {})
    const checkedMs = await waitFor('/me', { 'X-API-Key': storedKey(0).value })
    return { liveMs, checkedMs }
  } finally {
    await service.stop()
  }
}

/** By hand, since a client with a pool of connections needs as long as what is measured to find that nobody listens. */
function askStatus(port: number, path: string, headers: Record<string, string>): Promise<number> {
  const lines = Object.entries({ Host: `127.0.0.1:${port}`, Connection: 'close', ...headers })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => resolve(0))
    socket.on('data', (chunk) => {
      resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(chunk.toString('latin1'))?.[1]))
      socket.destroy()
    })
    socket.write(`GET ${path} HTTP/1.1\r\n${head}\r\n`)
  })
}

function describe(cases: readonly Case[], setup: string): Section {
  const titleOf = ({ engine, keys }: Case) =>
    `${engine}, ${keys === fewest ? 'no other key' : `${asCount(keys)} keys`}`
  return {
    heading: 'Start-up',
    setup,
    head: ['', 'until live: ratio', 'until the first check: ratio', 'target', 'live ms', 'checked ms'],
    rows: cases.map((one) => [
      titleOf(one),
      ratioOf(one, cases, 'liveMs').toFixed(2),
      ratioOf(one, cases, 'checkedMs').toFixed(2),
      one.keys === fewest ? '' : `≤ ${target}`,
      median(one.liveMs).toFixed(0),
      median(one.checkedMs).toFixed(0),
    ]),
    misses: cases.flatMap((one) => [
      ...findMiss(`Start-up, ${titleOf(one)}, until live`, ratioOf(one, cases, 'liveMs'), target),
      ...findMiss(`Start-up, ${titleOf(one)}, until checked`, ratioOf(one, cases, 'checkedMs'), target),
    ]),
  }
}

function ratioOf(one: Case, cases: readonly Case[], what: 'liveMs' | 'checkedMs'): number {
  const base = cases.find(({ engine, keys }) => engine === one.engine && keys === fewest)
  return median(pairedRatios(one[what], base?.[what] ?? []))
}
