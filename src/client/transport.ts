import { interpret } from './answers.js'
import { type Credential, presentCredential } from './credential.js'
import { NotFoundError } from './errors.js'
import { type ExchangeOptions, exchange } from './exchange.js'
import { type Repeatable, type RepeatOptions, repeat } from './repeat.js'
import { writeBody } from './write-body.js'

export interface TransportOptions extends RepeatOptions, Pick<ExchangeOptions, 'fetch' | 'timeoutMs'> {
  /** Without a trailing slash. */
  url: string
  credential: Credential
  /** Sent with each call. */
  headers: Readonly<Record<string, string>>
}

export type Query = Readonly<Record<string, string | number | undefined>>

/** What a caller may say of each call. */
export interface CallOptions {
  /** Ends the call, its waits and its tries; the call then throws the signal's reason. */
  signal?: AbortSignal | undefined
  /** How long one try may take. Default: that of the client. */
  timeoutMs?: number | undefined
}

export interface Call extends CallOptions {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the service's URL, its parts encoded. */
  path: string
  query?: Query | undefined
  body?: unknown
  /** Default: by the method; `until-gone` is `always`, where that it is gone means that a lost try did it. */
  repeatable?: Repeatable | 'until-gone'
}

/**
 * Sends a call and gives what the service answered with; 204 is undefined.
 * @throws LatchkeyError for any other answer, UnreachableError without one
 */
export type Send = <T>(call: Call) => Promise<T>

export function createTransport({ url, credential, headers, ...options }: TransportOptions): Send {
  return async <T>({ method, path, query, body, signal, ...call }: Call): Promise<T> => {
    const wanted = call.repeatable ?? defaultRepeatable(method)
    const exchangeOptions = { fetch: options.fetch, timeoutMs: call.timeoutMs ?? options.timeoutMs, signal }
    const sendOnce = async () =>
      await exchange(
        url + path + writeQuery(query),
        {
          method,
          headers: {
            ...headers,
            accept: 'application/json',
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...(await presentCredential(credential)),
          },
          body: body === undefined ? null : writeBody(body),
        },
        async (answer) => ({ answer, text: await answer.text() }),
        exchangeOptions,
      )
    const repeatable = wanted === 'until-gone' ? 'always' : wanted
    const { last, hasLost } = await repeat({ repeatable, signal }, sendOnce, ({ answer }) => answer, options)
    try {
      return interpret<T>(last.answer, last.text, options.clock())
    } catch (error) {
      // The try whose answer was lost has done it; its answer would have been 204.
      if (wanted === 'until-gone' && hasLost && error instanceof NotFoundError) return undefined as T
      throw error
    }
  }
}

/** @see RFC 9110 §9.2.2 */
export function defaultRepeatable(method: string): Repeatable {
  return ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'].includes(method.toUpperCase()) ? 'always' : 'never'
}

function writeQuery(query: Query = {}): string {
  const members = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as [string, string]],
  )
  return members.length === 0 ? '' : `?${new URLSearchParams(members)}`
}
