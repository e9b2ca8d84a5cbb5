import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Question {
  method: string | undefined
  url: string | undefined
  headers: IncomingMessage['headers']
  body: unknown
}

/** A server between a service and Latchkey, which sees every question and can answer oddly itself. */
export interface Relay {
  url: string
  /** The questions so far, newest last. */
  asked: Question[]
  /** Answers instead of Latchkey while it is set. */
  answerInstead: ((response: ServerResponse) => void) | undefined
  /** Questions wait until the returned function is called. */
  hold(): () => void
  close(): Promise<void>
}

/** @param target origin of the real service */
export async function startRelay(target: string): Promise<Relay> {
  let held: Promise<void> | undefined
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const relay: Relay = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    answerInstead: undefined,
    hold() {
      let release = () => {}
      held = new Promise((resolve) => {
        release = resolve
      })
      return () => {
        held = undefined
        release()
      }
    },
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  return relay

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const { method, url, headers } = request
    let body = ''
    for await (const chunk of request) body += String(chunk)
    relay.asked.push({ method, url, headers, body: JSON.parse(body) })
    await held
    if (relay.answerInstead !== undefined) return relay.answerInstead(response)
    const told = await fetch(`${target}${url}`, {
      method: method ?? 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
    const retryAfter = told.headers.get('retry-after')
    response.writeHead(told.status, {
      'content-type': told.headers.get('content-type') ?? '',
      ...(retryAfter === null ? {} : { 'retry-after': retryAfter }),
    })
    response.end(await told.text())
  }
}
