import type { ProblemDocument } from '../schemas/common.js'
import { asError, UnreachableError } from './errors.js'

/** What presents the caller: a key, or an OAuth2 token that is asked for before each call. */
export type Credential = { apiKey: string } | { token: string | (() => string | Promise<string>) } | null

export interface TransportOptions {
  /** Without a trailing slash. */
  url: string
  credential: Credential
  fetch: typeof globalThis.fetch
  timeoutMs: number
}

export type Query = Readonly<Record<string, string | number | undefined>>

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the service's URL, its parts encoded. */
  path: string
  query?: Query | undefined
  body?: unknown
}

/** Sends a call and gives what the service answered with; 204 is undefined. @throws LatchkeyError, UnreachableError */
export type Send = <T>(call: Call) => Promise<T>

export function createTransport({ url, credential, fetch, timeoutMs }: TransportOptions): Send {
  return async <T>({ method, path, query, body }: Call): Promise<T> => {
    const headers = new Headers({ accept: 'application/json', ...(await presentCredential(credential)) })
    if (body !== undefined) headers.set('content-type', 'application/json')
    const answer = await reach(
      fetch(url + path + writeQuery(query), {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      }),
    )
    if (!answer.ok) throw asError(answer.status, await readProblem(answer), readRetryAfter(answer))
    return (answer.status === 204 ? undefined : await reach(answer.json())) as T
  }
}

async function presentCredential(credential: Credential): Promise<Record<string, string>> {
  if (credential === null) return {}
  if ('apiKey' in credential) return { 'x-api-key': credential.apiKey }
  const { token } = credential
  return { authorization: `Bearer ${typeof token === 'string' ? token : await token()}` }
}

async function reach<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (cause) {
    throw new UnreachableError('The service cannot be reached.', { cause })
  }
}

function writeQuery(query: Query = {}): string {
  const members = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  )
  return members.length === 0 ? '' : `?${new URLSearchParams(members)}`
}

async function readProblem(answer: Response): Promise<ProblemDocument | null> {
  if (!answer.headers.get('content-type')?.startsWith('application/problem+json')) return null
  try {
    return (await answer.json()) as ProblemDocument
  } catch {
    return null
  }
}

function readRetryAfter({ headers }: Response): number | undefined {
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) ? seconds : undefined
}
