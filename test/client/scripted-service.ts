import type { ServerResponse } from 'node:http'
import { Latchkey, type LatchkeyOptions } from '../../src/client/index.js'
import { type SeenRequest, startUpstream } from '../support/upstream.js'

/** What a service does with a request. */
export type Answer = (response: ServerResponse) => void

export const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Answer => {
  const type = status < 400 ? 'application/json' : 'application/problem+json'
  return (response) =>
    void response.writeHead(status, { 'content-type': type, ...headers }).end(JSON.stringify(body))
}
export const problem = (status: number, code: string, headers: Record<string, string> = {}): Answer =>
  json(
    {
      type: `urn:latchkey:problem:${code}`,
      title: code,
      status,
      detail: `It is ${code}.`,
      code,
      requestId: 'r',
    },
    status,
    headers,
  )
export const page =
  (status: number, text = '<h1>A proxy</h1>'): Answer =>
  (response) =>
    void response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(text)
export const noContent: Answer = (response) => void response.writeHead(204).end()
export const hangUp: Answer = (response) => void response.socket?.destroy()
export const stayAway: Answer = () => {}

export interface ScriptedService {
  url: string
  seen: SeenRequest[]
  /** How long the client waited before each further try, in milliseconds. */
  waitsMs: number[]
  /** Presents `secretKey` unless it is told otherwise; the time between its tries is told, not waited for. */
  connect(options?: LatchkeyOptions): Latchkey
  close(): Promise<void>
}

/** Shaped as a key is, so that one can look for it. */
export const secretKey = 'lk_Zk3vQ9aB_3yPk0hQm5n2Qw8rT1sV7uX4zA6bC9dE0fG2hJ5kL8mN4HiJ2r'

/** A server on loopback that gives these answers one after another, the last of them again and again. */
export async function startScriptedService(...answers: [Answer, ...Answer[]]): Promise<ScriptedService> {
  const seen: SeenRequest[] = []
  const waitsMs: number[] = []
  const upstream = await startUpstream((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers, rawHeaders } = request
      seen.push({ method, url, headers, rawHeaders, body: Buffer.concat(chunks).toString() })
      const answer = answers[Math.min(seen.length, answers.length) - 1] ?? answers[0]
      answer(response)
    })
  })
  return {
    url: upstream.url,
    seen,
    waitsMs,
    close: upstream.close,
    connect: (options) =>
      new Latchkey({
        url: upstream.url,
        apiKey: secretKey,
        random: () => 0.5,
        sleep: async (ms, signal) => {
          waitsMs.push(ms)
          signal?.throwIfAborted()
        },
        ...options,
      }),
  }
}
