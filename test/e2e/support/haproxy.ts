import { rm, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { logsFolder, makeTemporaryFolder } from './folders.js'
import { findFreePort } from './ports.js'
import { startProcessGroup } from './process-group.js'

const START_TIMEOUT_MS = 20_000

export interface HaproxyServer {
  /** Of each group of backends, in their order. */
  urls: string[]
  stop(): Promise<void>
}

/**
 * Starts a real HAProxy that asks each backend every second whether it is ready, and repeats no request.
 * A backend that failed three times in a row gets no more requests: HAProxy's default.
 * @param backends groups of ports on 127.0.0.1, each behind a port of its own
 */
export async function startHaproxy(backends: readonly (readonly number[])[]): Promise<HaproxyServer> {
  const folder = await makeTemporaryFolder('haproxy')
  const ports: number[] = []
  for (const _group of backends) ports.push(await findFreePort())
  const file = join(folder, 'haproxy.cfg')
  await writeFile(file, configure(backends, ports))
  const server = await startProcessGroup('haproxy', ['-db', '-f', file], {
    env: { PATH: process.env.PATH },
    logFile: join(logsFolder, `haproxy-${ports[0]}.log`),
    temporaryFolder: folder,
  })
  const deadline = Date.now() + START_TIMEOUT_MS
  for (const port of ports) {
    while (!(await listens(port))) {
      if (server.hasExited() || Date.now() >= deadline) {
        throw new Error(`HAProxy did not start:\n${await server.log()}`)
      }
      await delay(50)
    }
  }
  return {
    urls: ports.map((port) => `http://127.0.0.1:${port}`),
    async stop() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function configure(backends: readonly (readonly number[])[], ports: readonly number[]): string {
  const groups = backends.map((group, index) => {
    const servers = group.map((port) => `  server s${port} 127.0.0.1:${port}`)
    return [
      `frontend f${index}`,
      `  bind 127.0.0.1:${ports[index]}`,
      `  default_backend b${index}`,
      `backend b${index}`,
      '  balance roundrobin',
      // As README tells operators.
      '  option httpchk GET /health/ready',
      '  http-check expect ! string "process is ending"',
      '  default-server check inter 1s',
      ...servers,
    ].join('\n')
  })
  return `${defaults}\n${groups.join('\n')}\n`
}

const defaults = `global
  nbthread 1
  maxconn 2000
defaults
  mode http
  timeout client 30s
  timeout connect 2s
  timeout server 30s
  retries 0`

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
