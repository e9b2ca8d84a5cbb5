import { writeFile } from 'node:fs/promises'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openConnection, parseAnswer } from '../support/raw-http.js'
import { startUpstream } from '../support/upstream.js'
import { makeTemporaryFolder } from './support/folders.js'
import { startHaproxy } from './support/haproxy.js'
import { findFreePort } from './support/ports.js'
import { type Service, startService } from './support/service.js'

const key = 'k'.repeat(40)

interface Replica extends Service {
  gatewayPort: number
}

async function startReplica(delaySeconds: number, target: string): Promise<Replica> {
  const gatewayPort = await findFreePort()
  const servicesFile = join(await makeTemporaryFolder('services'), 'services.json')
  const service = { id: 's', name: 'S', group: 'g', prefix: '/s', target }
  await writeFile(servicesFile, JSON.stringify({ groups: [{ id: 'g', name: 'G' }], services: [service] }))
  const replica = await startService({
    env: {
      SINGLE_USER: 'true',
      LATCHKEY_SINGLE_USER_API_KEY: key,
      GATEWAY_PORT: String(gatewayPort),
      SERVICES_FILE: servicesFile,
      SHUTDOWN_DELAY_SECONDS: String(delaySeconds),
      LOG_LEVEL: 'warn',
    },
  })
  onTestFinished(() => replica.kill())
  return { ...replica, gatewayPort }
}

interface Load {
  total: number
  /** What became of those that were not answered with 200, each with its time since the start. */
  failed: string[]
  end(): Promise<void>
}

/** Calls a URL from so many clients, one call after the other. @param keepsAlive else each call has its own connection */
function startLoad(url: string, clients: number, keepsAlive: boolean): Load {
  const agent = new Agent({ keepAlive: keepsAlive })
  const started = performance.now()
  let isEnding = false
  const load = { total: 0, failed: [] as string[], end }
  const running = Array.from({ length: clients }, async () => {
    while (!isEnding) {
      const outcome = await callOnce(url, agent)
      load.total += 1
      if (outcome === '200') continue
      load.failed.push(`${outcome} after ${Math.round(performance.now() - started)} ms`)
      // Nobody listens any more: what is refused was not sent.
      if (outcome.startsWith('ECONNREFUSED')) return
    }
  })
  async function end() {
    isEnding = true
    await Promise.all(running)
    agent.destroy()
  }
  return load
}

function callOnce(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve) => {
    const request = get(url, { agent, headers: { 'x-api-key': key } }, (response) => {
      response
        .on('end', () => resolve(String(response.statusCode)))
        .on('error', () => resolve('cut'))
        .resume()
    })
    request.on('error', (error: NodeJS.ErrnoException) => {
      // Connecting is what fails before a request is sent.
      const kind = request.reusedSocket ? 'kept' : 'new'
      resolve(error.code === 'ECONNREFUSED' ? error.code : `cut ${error.code} on a ${kind} connection`)
    })
  })
}

describe('SIGTERM', () => {
  test('with a delay of 5 s behind HAProxy, cuts no request, on new and kept connections of both ports', async () => {
    const upstream = await startUpstream()
    onTestFinished(() => upstream.close())
    const [leaving, staying] = await Promise.all([
      startReplica(5, upstream.url),
      startReplica(5, upstream.url),
    ])
    const haproxy = await startHaproxy([
      [leaving.port, staying.port],
      [leaving.gatewayPort, staying.gatewayPort],
    ])
    onTestFinished(() => haproxy.stop())
    await sleep(1200)
    const [own, gateway] = haproxy.urls
    const loads = [`${own}/me`, `${gateway}/s/a`].flatMap((url) =>
      [true, false].map((keepsAlive) => startLoad(url, 6, keepsAlive)),
    )
    await sleep(1000)

    const ended = leaving.stop()
    await sleep(1500)
    const duringDelay = await Promise.all(
      [leaving.port, leaving.gatewayPort].map((port) => fetch(`http://127.0.0.1:${port}/health/ready`)),
    )
    await ended
    await sleep(500)
    await Promise.all(loads.map((load) => load.end()))

    expect(duringDelay.map(({ status }) => status)).toEqual([503, 503])
    expect(loads.flatMap(({ failed }) => failed)).toEqual([])
    const totals = loads.map(({ total }) => total)
    expect(Math.min(...totals)).toBeGreaterThan(20)
    console.info(`SIGTERM behind HAProxy: ${totals.join(' + ')} requests, none cut`)
  })

  test('without a delay, cuts no request on kept connections', async () => {
    const upstream = await startUpstream()
    onTestFinished(() => upstream.close())
    const leaving = await startReplica(0, upstream.url)
    const urls = [`${leaving.url}/me`, `http://127.0.0.1:${leaving.gatewayPort}/s/a`]
    const kept = urls.map((url) => startLoad(url, 8, true))
    const fresh = startLoad(urls[0] as string, 8, false)
    await sleep(1000)

    await leaving.stop()
    await Promise.all([...kept, fresh].map((load) => load.end()))

    const isCut = (outcome: string) => !outcome.startsWith('ECONNREFUSED')
    // After an answer that says `Connection: close`, and at their start, these clients too open new connections.
    const isCutOnKept = (outcome: string) => isCut(outcome) && !outcome.includes(' on a new connection')
    expect(kept.flatMap(({ failed }) => failed.filter(isCutOnKept))).toEqual([])
    const cutOnNew = [...kept, fresh].flatMap(({ failed }) => failed.filter(isCut)).length
    console.info(`SIGTERM without a delay: ${cutOnNew} requests on new connections cut`)
  })

  test('without a delay, answers on kept connections that are idle in between, and says which answer is the last', async () => {
    const upstream = await startUpstream()
    onTestFinished(() => upstream.close())
    const leaving = await startReplica(0, upstream.url)
    const calls = [
      { port: leaving.port, path: '/me' },
      { port: leaving.gatewayPort, path: '/s/a' },
    ]
    const kept = await Promise.all(calls.map(({ port }) => openConnection(port)))

    const asking = kept.map(async (connection, n) => {
      const { port, path } = calls[n] as (typeof calls)[number]
      const bytes = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-API-Key: ${key}\r\n\r\n`
      for (;;) {
        connection.socket.write(bytes)
        const { status, header } = parseAnswer(await connection.next('\r\n\r\n'))
        if (status !== 200 || header('connection').includes('close')) return status
        await sleep(50)
      }
    })
    await sleep(500)
    await leaving.stop()

    expect(await Promise.all(asking)).toEqual([200, 200])
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('a %s in the delay ends it at once', async (second) => {
    const replica = await startReplica(25, 'http://127.0.0.1:1')
    process.kill(replica.pid, 'SIGTERM')
    await sleep(300)
    expect((await fetch(`${replica.url}/health/live`)).headers.get('connection')).toBe('close')
    const begun = performance.now()

    process.kill(replica.pid, second)
    // Sends no signal to a process that has ended.
    await expect.poll(() => isRunning(replica.pid), { timeout: 10_000 }).toBe(false)

    expect(performance.now() - begun).toBeLessThan(8000)
  })

  test('SIGINT does not wait', async () => {
    const replica = await startReplica(25, 'http://127.0.0.1:1')
    const begun = performance.now()

    process.kill(replica.pid, 'SIGINT')
    await expect.poll(() => isRunning(replica.pid), { timeout: 10_000 }).toBe(false)

    expect(performance.now() - begun).toBeLessThan(8000)
  })
})

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
