import type { Query, Send } from './transport.js'

/** What a client must send of an input, and what it may: within members that are objects, too. */
export type Optional<T, Required extends keyof T> = Pick<T, Required> & {
  [Name in Exclude<keyof T, Required>]?: T[Name] extends readonly unknown[] ? T[Name] : Partial<T[Name]>
}

export interface Page<T> {
  items: T[]
  /** Asks for the next page; null at the end. */
  next_cursor: string | null
}

/** A list that is read a page at a time: iterate over all of it, or ask for one page. */
export interface Listing<T> extends AsyncIterable<T> {
  page(options?: { limit?: number; cursor?: string }): Promise<Page<T>>
}

export function list<T>(send: Send, path: string, filter: Query): Listing<T> {
  const page: Listing<T>['page'] = (options = {}) =>
    send<Page<T>>({ method: 'GET', path, query: { ...filter, ...options } })

  return {
    page,
    async *[Symbol.asyncIterator]() {
      let cursor: string | null = null
      do {
        const { items, next_cursor }: Page<T> = await page(cursor === null ? {} : { cursor })
        yield* items
        cursor = next_cursor
      } while (cursor !== null)
    },
  }
}

/** A path whose parts are encoded. */
export const at = (texts: TemplateStringsArray, ...parts: string[]): string =>
  String.raw({ raw: texts }, ...parts.map(encodeURIComponent))
