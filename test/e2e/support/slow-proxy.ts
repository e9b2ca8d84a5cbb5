import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { findFreePort } from './ports.js'

/** A network between a client and a server that a test makes slow. */
export interface SlowProxy {
  /** The server's URL, by way of this proxy. */
  url: string
  /** From now on each answer of the server arrives so much later; connections stay as they are. */
  setDelay(ms: number): void
  close(): Promise<void>
}

/** Stands between its clients and the server of this URL, which has to name its port. */
export async function startSlowProxy(serverUrl: string): Promise<SlowProxy> {
  const target = new URL(serverUrl)
  const port = await findFreePort()
  const sockets = new Set<Socket>()
  let delayMs = 0
  const proxy = createServer((client) => {
    const server = connect(Number(target.port), target.hostname)
    // Whichever end goes, the other goes too.
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    client.pipe(server)
    passSlowly(server, client)
  }).listen(port, '127.0.0.1')
  await once(proxy, 'listening')

  const url = new URL(serverUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return {
    url: url.href,
    setDelay(ms) {
      delayMs = ms
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      proxy.close()
      await once(proxy, 'close')
    },
  }

  /** In order: what came earlier arrives earlier. */
  function passSlowly(from: Socket, to: Socket) {
    let arrived: Promise<unknown> = Promise.resolve()
    from.on('data', (bytes) => {
      const due = delay(delayMs, undefined, { ref: false })
      arrived = Promise.all([arrived, due]).then(() => to.write(bytes))
    })
  }
}
