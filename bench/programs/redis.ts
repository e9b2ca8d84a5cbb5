import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { logsFolder, makeTemporaryFolder } from '../../test/e2e/support/folders.js'
import { findFreePort } from '../../test/e2e/support/ports.js'
import { startProcessGroup } from '../../test/e2e/support/process-group.js'
import { type DatabaseCpu, readProcessCpu } from '../database-cpu.js'

export interface RedisServer {
  url: string
  readCpu(): DatabaseCpu
  stop(): Promise<void>
}

/** An empty Redis that keeps nothing on the disk. */
export async function startRedis(): Promise<RedisServer> {
  const [port, folder] = [await findFreePort(), await makeTemporaryFolder('redis')]
  const parameters = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  const server = await startProcessGroup('redis-server', parameters, {
    env: { PATH: process.env.PATH },
    logFile: join(logsFolder, `bench-redis-${port}.log`),
    temporaryFolder: folder,
  })
  const url = `redis://127.0.0.1:${port}`
  await waitUntilItAnswers(url)
  return {
    url,
    readCpu: () => readProcessCpu(server.pid),
    stop: async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function waitUntilItAnswers(url: string): Promise<void> {
  const client = new Redis(url, { retryStrategy: () => 50, maxRetriesPerRequest: 200 })
  // It tries again by itself; what is wrong in the end is told by the question below.
  client.on('error', () => {})
  try {
    await client.ping()
  } finally {
    client.disconnect()
  }
}
