import { presentCredential } from './credential.js'
import { exchange } from './exchange.js'
import { repeat } from './repeat.js'
import { defaultRepeatable, type TransportOptions } from './transport.js'

/** Redirects are given back as they come: followed, they would carry the credential to where they lead. */
export type ServiceRequest = Omit<RequestInit, 'redirect'>

/**
 * `fetch` that presents the credential, to the origins that may see it and to no other. Its answer is given back
 * whatever its status, redirects too; the time limit is that until it begins. GET, HEAD and others that are idempotent
 * are sent again as the calls of the client are, unless their body is a stream.
 * @param target relative ones are below the URL of Latchkey
 * @throws TypeError for an origin that was not named; UnreachableError without an answer
 */
export type ServiceFetch = (target: string | URL, init?: ServiceRequest) => Promise<Response>

export function createServiceFetch(
  { url, credential, headers, ...options }: TransportOptions,
  origins: ReadonlySet<string>,
): ServiceFetch {
  return async (target, init = {}) => {
    const place = new URL(target, `${url}/`)
    if (!origins.has(place.origin)) {
      throw new TypeError(`${place.origin} may not see the credential: name it in origins if it shall`)
    }
    const method = init.method ?? 'GET'
    const signal = init.signal ?? undefined
    const sendOnce = async () => {
      const merged = new Headers(headers)
      for (const [name, value] of new Headers(init.headers)) merged.set(name, value)
      // Last, so that no header of the call takes its place.
      for (const [name, value] of Object.entries(await presentCredential(credential))) merged.set(name, value)
      const { fetch, timeoutMs } = options
      const request = { ...init, method, headers: merged }
      return await exchange(place.href, request, (answer) => answer, { fetch, timeoutMs, signal })
    }
    const repeatable = init.body instanceof ReadableStream ? 'never' : defaultRepeatable(method)
    const { last } = await repeat({ repeatable, signal }, sendOnce, (answer) => answer, options)
    return last
  }
}
