import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface SeenRequest {
  method: string
  url: string
  headers: IncomingMessage['headers']
  rawHeaders: string[]
  body: string
}

export interface Upstream {
  server: Server
  port: number
  url: string
  /** Requests that came, in their order; filled by `tellWhatCame` alone. */
  seen: SeenRequest[]
  /** Stops at once, with every connection. */
  close(): Promise<void>
}

/** A real service on loopback. @param listener default: tells what came */
export async function startUpstream(listener?: RequestListener, port = 0): Promise<Upstream> {
  const seen: SeenRequest[] = []
  const server = createServer(listener ?? tellWhatCame(seen))
  server.requestTimeout = 0
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address() as AddressInfo
  return {
    server,
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        // Those that were upgraded too, which are no business of the HTTP server any more.
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** Answers with the request as JSON. */
export function tellWhatCame(seen: SeenRequest[] = []): RequestListener {
  return (request, response) => {
    const chunks: Buffer[] = []
    // One that breaks off has not come.
    request.on('error', () => {})
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers, rawHeaders } = request
      const came = { method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString() }
      seen.push(came)
      response.setHeader('content-type', 'application/json').end(JSON.stringify(came))
    })
  }
}
