import { rm } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { logsFolder, makeTemporaryFolder } from './folders.js'
import { findFreePort } from './ports.js'
import { type ProcessGroup, startProcessGroup } from './process-group.js'

const START_TIMEOUT_MS = 20_000

export interface RedisServer {
  url: string
  /** Freezes the server: connections stay open and new ones are accepted, but nobody answers. */
  pause(): void
  resume(): void
  /** Ends it as a crash does; it keeps nothing. */
  crash(): Promise<void>
  /** Starts it again after a crash, on the same port and empty. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Starts a real Redis on 127.0.0.1 that stores nothing on a disk, and resolves when it answers. */
export async function startRedis(): Promise<RedisServer> {
  const port = await findFreePort()
  const folder = await makeTemporaryFolder('redis')
  let server = await launch(port, folder)

  return {
    url: `redis://127.0.0.1:${port}`,
    pause: () => server.signal('SIGSTOP'),
    resume: () => server.signal('SIGCONT'),
    async crash() {
      server.signal('SIGKILL')
      await server.stop()
    },
    async restart() {
      server = await launch(port, folder)
    },
    async stop() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function launch(port: number, folder: string): Promise<ProcessGroup> {
  const server = await startProcessGroup(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
    {
      env: { PATH: process.env.PATH },
      logFile: join(logsFolder, `redis-${port}.log`),
      temporaryFolder: folder,
    },
  )
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!(await answers(port))) {
    if (server.hasExited() || Date.now() >= deadline) {
      throw new Error(`Redis did not start:\n${await server.log()}`)
    }
    await delay(50)
  }
  return server
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => socket.write('PING\r\n'))
    const settle = (isThere: boolean) => {
      socket.destroy()
      resolve(isThere)
    }
    socket.setTimeout(1000, () => settle(false))
    socket.on('data', (data) => settle(data.toString().startsWith('+PONG')))
    socket.on('error', () => settle(false))
  })
}
