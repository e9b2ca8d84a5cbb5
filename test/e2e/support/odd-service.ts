import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface OddService {
  url: string
  /** Makes it busy again for the next call of `/busy-at-first`. */
  reset(): void
  close(): Promise<void>
}

/**
 * Answers each first part of a path as something does that a client may meet in place of Latchkey.
 * @param others what it does with any other path
 */
export async function startOddService(others?: RequestListener): Promise<OddService> {
  let isBusy = true
  const parts: Record<string, RequestListener> = {
    redirecting: (_, response) => response.writeHead(307, { location: 'https://elsewhere.invalid/me' }).end(),
    page: (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>'),
    away: (_, response) => response.writeHead(503, { 'content-type': 'text/html' }).end('<h1>Away</h1>'),
    'busy-at-first': (_, response) => {
      if (isBusy) response.writeHead(429, { 'retry-after': '1' }).end()
      else response.writeHead(200, { 'content-type': 'application/json' }).end('{"login":"alice"}')
      isBusy = false
    },
    echo: ({ headers }, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ agent: headers['user-agent'] })),
    silent: () => {},
  }
  const server = createServer((request, response) => {
    const answer = parts[request.url?.split('/')[1] ?? ''] ?? others
    if (answer === undefined) response.writeHead(404).end()
    else answer(request, response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    reset() {
      isBusy = true
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
