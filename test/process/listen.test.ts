import dns from 'node:dns'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import Fastify from 'fastify'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { loadConfig } from '../../src/config/load.js'
import { endConnectionsAtClose } from '../../src/process/graceful-end.js'
import { CannotListen, listenAll, tryPorts } from '../../src/process/listen.js'
import { findFreePort } from '../support/service.js'

afterEach(() => vi.restoreAllMocks())

const configOf = async (host: string) =>
  loadConfig({ HOST: host, PORT: String(await findFreePort()), GATEWAY_PORT: 'off' })

/** Whether a connection to this address is accepted. */
async function accepts(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port })
  const isOpen = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'error').then(() => false),
  ]).catch(() => false)
  socket.destroy()
  return isOpen
}

/** Gives `localhost` both of its addresses, which not every machine does. */
function giveBothAddresses() {
  const addresses = [
    { address: '::1', family: 6 },
    { address: '127.0.0.1', family: 4 },
  ]
  const { lookup } = dns
  vi.spyOn(dns, 'lookup').mockImplementation(((name: string, options: unknown, callback: unknown) => {
    if (name !== 'localhost') return lookup(name, options as object, callback as () => void)
    const done = (typeof options === 'function' ? options : callback) as (...values: unknown[]) => void
    if (Object(options).all === true) done(null, addresses)
    else done(null, '127.0.0.1', 4)
  }) as typeof dns.lookup)
}

describe('HOST=localhost', () => {
  test('is one listener, which the name reaches', async () => {
    giveBothAddresses()
    const config = await configOf('localhost')
    const app = Fastify()
    onTestFinished(() => app.close())
    app.get('/', async () => 'here')

    await tryPorts(config)
    await listenAll([app], config)
    vi.restoreAllMocks()

    expect(app.addresses()).toMatchObject([{ address: '127.0.0.1', port: config.port }])
    expect(await accepts('::1', config.port)).toBe(false)
    expect(await (await fetch(`http://localhost:${config.port}/`)).text()).toBe('here')
  })

  test('ends as an address does: each answer says that it is the last, and no listener is left', async () => {
    giveBothAddresses()
    const config = await configOf('localhost')
    const app = Fastify()
    onTestFinished(() => app.close())
    const end = endConnectionsAtClose(app)
    app.get('/', async () => 'here')
    await listenAll([app], config)
    vi.restoreAllMocks()

    end.announce()
    const answer = await fetch(`http://localhost:${config.port}/`)
    await end.stopListening()

    expect(answer.headers.get('connection')).toBe('close')
    expect(await accepts('127.0.0.1', config.port)).toBe(false)
    expect(await accepts('::1', config.port)).toBe(false)
  })

  test('is refused where another program listens on its port', async () => {
    const config = await configOf('localhost')
    const other = createServer().listen(config.port, '127.0.0.1')
    onTestFinished(() => void other.close())
    await once(other, 'listening')

    await expect(tryPorts(config)).rejects.toThrow(
      `The service cannot listen on localhost port ${config.port}: another program listens there; stop it, or choose another PORT`,
    )
  })
})

test.each([
  ['192.0.2.1', 'HOST is no address of this machine'],
  ['no-such-name.invalid', /HOST is no address and no known name|no name server answers for HOST/],
  ['[::1]', /HOST is no address and no known name|no name server answers for HOST/],
])('HOST=%s is refused in one sentence, and nothing listens', async (host, fault) => {
  const config = await configOf('127.0.0.1')
  const app = Fastify()

  await expect(tryPorts({ ...config, host })).rejects.toThrow(fault)
  await expect(listenAll([app], { ...config, host })).rejects.toThrow(CannotListen)

  expect(app.addresses()).toEqual([])
})

test.each(['127.0.0.1', '::1'])('HOST=%s is taken as it is', async (host) => {
  const config = await configOf(host)
  const app = Fastify()
  onTestFinished(() => app.close())

  await listenAll([app], config)

  expect(app.addresses()).toMatchObject([{ address: host, port: config.port }])
})
