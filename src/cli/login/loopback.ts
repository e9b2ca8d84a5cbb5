import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CommandFailed, exitCodes } from '../exit-codes.js'

export interface Listener {
  /** Where the identity provider sends the browser. */
  readonly redirectUri: string
  /** The address that the browser was sent to, with a code or an error in it; rejects after the time. */
  readonly answer: Promise<URL>
  /** Frees the port. */
  close(): void
}

export interface ListenOptions {
  /** Of the one login that is waited for. */
  state: string
  /** Default: five minutes. */
  timeoutMs?: number
}

/** Waits on a free port of the loopback address for one answer. @see RFC 8252 §7.3 */
export async function listenForAnswer({ state, timeoutMs = 300_000 }: ListenOptions): Promise<Listener> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const redirectUri = `${origin}/callback`

  const answer = new Promise<URL>((resolve, reject) => {
    const giveUp = () => reject(new CommandFailed(exitCodes.refused, 'nobody logged in in time: start again'))
    const timer = setTimeout(giveUp, timeoutMs)
    server.on('close', () => clearTimeout(timer))
    server.on('request', (request, response) => {
      const url = readAnswer(request, origin, state)
      if (url === null) return sendPage(response, 404, 'This is not the answer that is waited for.')
      // Once the page is sent: then the program may end.
      response.on('close', () => resolve(url))
      sendPage(response, 200, 'Latchkey has the answer. Go back to the terminal; this page may be closed.')
    })
  })
  // Whoever closes before the answer comes does not wait for it.
  answer.catch(() => {})
  return { redirectUri, answer, close: () => void server.close().closeAllConnections() }
}

/**
 * Anything on this machine, and any page, can call here: only what knows the state is heard, and by the number of the
 * address alone, so that no name of somebody else's leads here.
 */
function readAnswer(
  { method, url = '', headers }: IncomingMessage,
  origin: string,
  state: string,
): URL | null {
  if (method !== 'GET' || `http://${headers.host}` !== origin || !url.startsWith('/callback?')) return null
  const address = new URL(origin + url)
  const states = address.searchParams.getAll('state')
  return states.length === 1 && states[0] === state ? address : null
}

function sendPage(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    connection: 'close',
  })
  response.end(`<!doctype html><html lang="en"><title>Latchkey</title><p>${text}</p></html>\n`)
}
