import { InvalidOptionError } from './errors.js'
import type { CallOptions, Query, Send } from './transport.js'

/** What a client must send of an input, and what it may: the service fills in what is missing, of its parts too. */
export type Optional<T, Required extends keyof T> = Pick<T, Required> & Partially<Omit<T, Required>>

type Partially<T> = { [Name in keyof T]?: Part<T[Name]> | undefined }

// Lists are sent whole, and so is free JSON, which has any member.
type Part<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? string extends keyof T
      ? T
      : Partially<T>
    : T

/** What a list may be asked for; the page is asked for apart. */
export type Filter<T> = { readonly [Name in Exclude<keyof T, 'limit' | 'cursor'>]?: T[Name] | undefined }

export interface Page<T> {
  items: T[]
  /** Asks for the next page; null at the end. */
  next_cursor: string | null
}

/** A list that is read a page at a time: iterate over all of it, or ask for one page. */
export interface Listing<T> extends AsyncIterable<T> {
  /** @param options.limit 1 to 200, default 50 */
  page(options?: { limit?: number; cursor?: string }): Promise<Page<T>>
}

// The most that the service gives at once: who wants all of it wants few calls.
const iteratedLimit = 200

export function list<T>(send: Send, path: string, filter: Query, call: CallOptions = {}): Listing<T> {
  const page: Listing<T>['page'] = (options = {}) =>
    send<Page<T>>({ method: 'GET', path, query: { ...filter, ...options }, ...call })

  return {
    page,
    async *[Symbol.asyncIterator]() {
      let cursor: string | null = null
      do {
        const next: Page<T> = await page({ limit: iteratedLimit, ...(cursor === null ? {} : { cursor }) })
        yield* next.items
        cursor = next.next_cursor
      } while (cursor !== null)
    },
  }
}

/**
 * A path whose parts are encoded.
 * @throws InvalidOptionError for a part that would lead elsewhere: nothing, and `.` or `..`, which URLs take away with the
 * segment before, however they are encoded
 */
export const at = (texts: TemplateStringsArray, ...parts: string[]): string =>
  String.raw({ raw: texts }, ...parts.map(encodePart))

// The part is not repeated: it may be the value of a key.
function encodePart(part: string): string {
  if (typeof part !== 'string' || /^\.{0,2}$|\p{Cs}/u.test(part))
    throw new InvalidOptionError('What is asked for has no id that can stand in a URL')
  return encodeURIComponent(part)
}
