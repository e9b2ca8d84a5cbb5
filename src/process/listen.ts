import dns from 'node:dns'
import { Server } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config/load.js'

/** The port is not to be had; the message tells the operator why. */
export class CannotListen extends Error {
  override readonly name = 'CannotListen'
}

const listenFaults: Record<string, (setting: string) => string> = {
  EADDRINUSE: (setting) => `another program listens there; stop it, or choose another ${setting}`,
  EADDRNOTAVAIL: () => 'HOST is no address of this machine',
  ENOTFOUND: () => 'HOST is no address and no known name',
  EAI_AGAIN: () => 'no name server answers for HOST',
  EACCES: (setting) => `the system does not allow this ${setting}`,
}

interface Place {
  name: 'service' | 'gateway'
  setting: 'PORT' | 'GATEWAY_PORT'
  host: string
  port: number
}

/** Where this process listens, in the order of `buildApps`. */
function listPlaces({ host, port, gateway }: Config): Place[] {
  const service: Place = { name: 'service', setting: 'PORT', host, port }
  if (gateway === null) return [service]
  return [service, { name: 'gateway', setting: 'GATEWAY_PORT', host, port: gateway.port }]
}

/**
 * Tries every port before the database is made, because that takes seconds. Another program may still take the port
 * before `listenAll`, which reports it then.
 * @throws CannotListen
 */
export async function tryPorts(config: Config): Promise<void> {
  for (const place of listPlaces(config)) await listen(place, (address) => bindAndClose(address))
}

function bindAndClose(address: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = new Server()
    server.once('error', reject)
    server.listen(address, () => server.close(() => resolve()))
  })
}

/** Starts what the servers need, so that listening takes no time. What has started is closed when a start fails. */
export const makeReady = (apps: FastifyInstance[]): Promise<void> =>
  closeAtFailure(apps, async () => {
    for (const app of apps) await app.ready()
  })

/** The service first: when its port is taken, the gateway must not have answered anybody. */
export const listenAll = (apps: FastifyInstance[], config: Config): Promise<void> =>
  closeAtFailure(apps, async () => {
    const places = listPlaces(config)
    for (const [index, app] of apps.entries()) {
      const place = places[index]
      if (place !== undefined) await listen(place, (address) => app.listen(address))
    }
  })

/** The first server closes the others. */
async function closeAtFailure([first]: FastifyInstance[], start: () => Promise<void>): Promise<void> {
  try {
    await start()
  } catch (error) {
    await first?.close()
    throw error
  }
}

/** @throws CannotListen */
async function listen(
  { name, setting, host, port }: Place,
  begin: (address: { host: string; port: number }) => Promise<unknown>,
): Promise<void> {
  try {
    await begin({ host: await resolveHost(host), port })
  } catch (error) {
    const fault = listenFaults[(error as NodeJS.ErrnoException).code ?? '']
    throw fault === undefined
      ? error
      : new CannotListen(`The ${name} cannot listen on ${host} port ${port}: ${fault(setting)}`)
  }
}

/**
 * Resolves a name to one address. Fastify listens on every address of `localhost` with a server for each, and the ends
 * and bounds of connections know only the first of these servers.
 */
async function resolveHost(host: string): Promise<string> {
  // IPv4 first, because the name `localhost` may have ::1 on a machine without IPv6.
  const { address } = await dns.promises.lookup(host, { verbatim: false })
  return address
}
