import { Problem } from '../problems/problem.js'

/** Where an entry stands in a list that is newest first. */
export interface Position {
  createdAt: Date
  id: string
}

export interface Page<T> {
  rows: T[]
  /** Asks for the next page; null at the end. */
  nextCursor: string | null
}

/**
 * Cuts a page out of what was found.
 * @param found one row more than the limit where there is another page
 */
export function cutPage<T extends Position>(found: readonly T[], limit: number): Page<T> {
  const rows = found.slice(0, limit)
  const last = rows.at(-1)
  return { rows, nextCursor: found.length > rows.length && last !== undefined ? writeCursor(last) : null }
}

const writeCursor = ({ createdAt, id }: Position) =>
  Buffer.from(`${createdAt.getTime()} ${id}`).toString('base64url')

/** The last entry of the page before; null without one. @throws Problem validation_failed for a cursor that is none */
export function readCursor(cursor: string | undefined): Position | null {
  if (cursor === undefined) return null
  // Thirteen digits last until the year 2286; what lies far beyond is an error of the database's.
  const [, time, id] = /^(\d{1,13}) ([A-Za-z0-9.-]{1,64})$/.exec(decode(cursor)) ?? []
  if (time !== undefined && id !== undefined) return { createdAt: new Date(Number(time)), id }
  throw new Problem('validation_failed', {
    errors: [{ path: 'cursor', message: 'is not a cursor of this list' }],
  })
}

const decode = (cursor: string) => Buffer.from(cursor, 'base64url').toString('latin1')
