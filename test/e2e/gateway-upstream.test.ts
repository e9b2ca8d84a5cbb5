import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createBrowser, signIn } from '../support/browser-flow.js'
import { type ServerProcess, startServer } from '../support/server-process.js'
import { findFreePort } from '../support/service.js'
import { copyDataFolder } from './support/data-folder.js'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const browser = createBrowser()
const upstreams: ChildProcess[] = []
let folder: string
let url: string
let gatewayUrl: string
let server: ServerProcess
let value: string

/** A service of its own process, which says its name to everybody. */
async function startUpstream(name: string, port: number): Promise<ChildProcess> {
  const code = `require('node:http').createServer((request, response) => {
    request.resume().on('end', () => setTimeout(() => response.end('${name}'), 5))
  }).listen(${port}, '127.0.0.1', () => console.log('ready'))`
  const child = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  upstreams.push(child)
  await once(child.stdout, 'data')
  return child
}

async function ask(method: string, path: string, body?: object) {
  const answer = await browser.request(url + path, {
    method,
    headers: { origin: url, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`)
  return answer.body === '' ? null : JSON.parse(answer.body)
}

interface Called {
  status: number | 'broken off'
  body: string
  ms: number
}

/** Calls it again and again with some clients at once, until it is told to stop. */
function load(path: string, clients = 10) {
  let isStopped = false
  const calls: Called[] = []
  const work = Array.from({ length: clients }, async () => {
    while (!isStopped) {
      const begun = performance.now()
      const { status, body } = await callOnce(path)
      calls.push({ status, body, ms: performance.now() - begun })
    }
  })
  return {
    calls,
    stop: async () => {
      isStopped = true
      await Promise.all(work)
      return calls
    },
  }
}

async function callOnce(path: string): Promise<Pick<Called, 'status' | 'body'>> {
  try {
    const answer = await fetch(gatewayUrl + path, { headers: { 'x-api-key': value } })
    return { status: answer.status, body: await answer.text() }
  } catch {
    return { status: 'broken off', body: '' }
  }
}

const statusesOf = (calls: Called[]) => [...new Set(calls.map(({ status }) => status))].sort()

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-gateway-'))
  const [port, gatewayPort] = [await findFreePort(), await findFreePort()]
  url = `http://127.0.0.1:${port}`
  gatewayUrl = `http://127.0.0.1:${gatewayPort}`
  await copyDataFolder(join(folder, 'data'))
  server = startServer(folder, {
    PORT: String(port),
    GATEWAY_PORT: String(gatewayPort),
    LOG_LEVEL: 'info',
  })
  await server.prints('"msg":"ready"')
  const begun = await browser.request(`${url}/auth/login`)
  const authorizationUrl = begun.headers.get('location') ?? ''
  await browser.request(await signIn({ authorizationUrl, username: 'alice', password: 'alice-pw', browser }))
  value = (await ask('POST', '/api-keys', { name: 'load' })).value
  await ask('POST', '/admin/groups', { id: 'all', name: 'All' })
})
afterAll(async () => {
  for (const child of upstreams) child.kill('SIGKILL')
  server.signal('SIGKILL')
  await server.exited
  rmSync(folder, { recursive: true })
})

const register = (id: string, port: number) =>
  ask('POST', '/admin/services', {
    id,
    name: id,
    group: 'all',
    prefix: `/${id}`,
    target: `http://127.0.0.1:${port}`,
    timeout_ms: 3000,
  })

test('a service killed under load is 502 until it is back, nothing hangs, and no other is affected', async () => {
  const [dyingPort, steadyPort] = [await findFreePort(), await findFreePort()]
  const dying = await startUpstream('dying', dyingPort)
  await startUpstream('steady', steadyPort)
  await register('dying', dyingPort)
  await register('steady', steadyPort)

  const onDying = load('/dying')
  const onSteady = load('/steady')
  await sleep(1000)
  dying.kill('SIGKILL')
  await sleep(1000)
  await startUpstream('back', dyingPort)
  await sleep(1000)
  const [dyingCalls, steadyCalls] = await Promise.all([onDying.stop(), onSteady.stop()])

  // Broken off: an answer that had begun, of which nobody can tell what was to come.
  expect(statusesOf(dyingCalls).filter((status) => status !== 'broken off')).toEqual([200, 502])
  expect(new Set(dyingCalls.slice(-10).map(({ body }) => body))).toEqual(new Set(['back']))
  expect(statusesOf(steadyCalls)).toEqual([200])
  expect(Math.max(...dyingCalls.map(({ ms }) => ms))).toBeLessThan(5000)
})

test('a target changed under load through the API: the next call goes there, and none is lost', async () => {
  const ports = [await findFreePort(), await findFreePort()]
  await startUpstream('first', ports[0] ?? 0)
  await startUpstream('second', ports[1] ?? 0)
  await register('moving', ports[0] ?? 0)

  const running = load('/moving')
  const heard: string[] = []
  for (let turn = 1; turn <= 10; turn += 1) {
    await ask('PATCH', '/admin/services/moving', { target: `http://127.0.0.1:${ports[turn % 2]}` })
    heard.push((await callOnce('/moving')).body)
    await sleep(50)
  }
  const calls = await running.stop()

  expect(statusesOf(calls)).toEqual([200])
  expect(heard).toEqual(Array.from({ length: 5 }, () => ['second', 'first']).flat())
  expect(calls.length).toBeGreaterThan(50)
})

test('a service disabled under load is unknown from the next call on, and known again once enabled', async () => {
  const running = load('/steady')
  await sleep(200)

  await ask('PATCH', '/admin/services/steady', { enabled: false })
  const off = await callOnce('/steady')
  await ask('PATCH', '/admin/services/steady', { enabled: true })
  const on = await callOnce('/steady')
  const calls = await running.stop()

  expect([off.status, on.status]).toEqual([404, 200])
  expect(statusesOf(calls).filter((status) => status !== 404)).toEqual([200])
})

test('SIGTERM lets the calls under way end', async () => {
  const port = await findFreePort()
  const code = `require('node:http').createServer((request, response) => {
    response.write('begun'); setTimeout(() => response.end(' and ended'), 1500)
  }).listen(${port}, '127.0.0.1', () => console.log('ready'))`
  const slow = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  upstreams.push(slow)
  await once(slow.stdout, 'data')
  await register('slow', port)

  const call = callOnce('/slow')
  await sleep(500)
  server.signal('SIGTERM')

  expect(await call).toEqual({ status: 200, body: 'begun and ended' })
  expect(await server.exited).toEqual({ code: 0, signal: null })
})
