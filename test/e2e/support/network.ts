import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { findFreePort } from './ports.js'

/** A network between clients and a server, which a test makes slow, silent or absent. The server notices nothing. */
export interface Network {
  /** The server's URL, by way of this network. */
  url: string
  /** Delays each answer of the server from now on; connections stay as they are. */
  setDelay(ms: number): void
  /** Accepts connections and passes no byte, as a frozen server does. The bytes wait for `resume`. */
  hang(): void
  resume(): void
  /** Breaks all connections and refuses new ones, as a server that is not running. */
  takeDown(): Promise<void>
  /** Accepts connections again, on the same port. */
  bringUp(): Promise<void>
  close(): Promise<void>
}

interface Pair {
  client: Socket
  server: Socket
}

/** Stands between its clients and the server of this URL, which has to name its port. */
export async function startNetwork(serverUrl: string): Promise<Network> {
  const target = new URL(serverUrl)
  const port = await findFreePort()
  const pairs = new Set<Pair>()
  let delayMs = 0
  let hangs = false
  let listener: Server | undefined = await listen()

  const url = new URL(serverUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return {
    url: url.href.replace(/\/$/, ''),
    setDelay(ms) {
      delayMs = ms
    },
    hang() {
      hangs = true
      for (const pair of pairs) stopPassing(pair)
    },
    resume() {
      hangs = false
      for (const pair of pairs) pass(pair)
    },
    takeDown,
    async bringUp() {
      listener ??= await listen()
    },
    close: takeDown,
  }

  async function listen(): Promise<Server> {
    const server = createServer({ pauseOnConnect: true }, accept).listen(port, '127.0.0.1')
    await once(server, 'listening')
    return server
  }

  async function takeDown(): Promise<void> {
    const closing = listener
    listener = undefined
    for (const { client, server } of pairs) for (const socket of [client, server]) socket.destroy()
    if (closing === undefined) return
    closing.close()
    await once(closing, 'close')
  }

  function accept(client: Socket): void {
    const pair = { client, server: connect(Number(target.port), target.hostname) }
    pairs.add(pair)
    // When one end goes, the other goes too.
    for (const socket of [pair.client, pair.server]) {
      socket.on('error', () => {})
      socket.on('close', () => {
        pairs.delete(pair)
        pair.client.destroy()
        pair.server.destroy()
      })
    }
    passSlowly(pair)
    if (hangs) stopPassing(pair)
    else pass(pair)
  }

  function pass({ client, server }: Pair): void {
    client.pipe(server)
    server.resume()
  }

  function stopPassing({ client, server }: Pair): void {
    client.unpipe(server).pause()
    server.pause()
  }

  /** In order: what came earlier arrives earlier. */
  function passSlowly({ client, server }: Pair): void {
    let arrived: Promise<unknown> = Promise.resolve()
    server.on('data', (bytes) => {
      const due = delay(delayMs, undefined, { ref: false })
      arrived = Promise.all([arrived, due]).then(() => client.write(bytes))
    })
  }
}
