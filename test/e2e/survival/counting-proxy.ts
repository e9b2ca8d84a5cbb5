import { once } from 'node:events'
import { createServer, request } from 'node:http'

/** Stands in front of a server and counts what is asked of it. */
export interface CountingProxy {
  /** How often this path was asked for. */
  count(path: string): number
  close(): Promise<void>
}

/** Answers on one port of 127.0.0.1 with what the server on another one says; 502 when that is away. */
export async function startCountingProxy(port: number, targetPort: number): Promise<CountingProxy> {
  const counts = new Map<string, number>()
  const server = createServer((incoming, outgoing) => {
    const { method, url = '/', headers } = incoming
    const { pathname } = new URL(url, 'http://127.0.0.1')
    counts.set(pathname, (counts.get(pathname) ?? 0) + 1)
    const onward = request({ host: '127.0.0.1', port: targetPort, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()))
    incoming.pipe(onward)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    count: (path) => counts.get(path) ?? 0,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
