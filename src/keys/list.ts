import { cutPage, readCursor } from '../http/pagination.js'
import type { KeyStatus } from '../schemas/key.js'
import { type KeyFilter, type KeyRow, listKeys } from '../store/keys.js'
import type { KeyContext } from './context.js'

export interface KeyPage {
  keys: KeyRow[]
  /** The time by which their status was decided. */
  now: Date
  /** Asks for the next page; null at the end. */
  nextCursor: string | null
}

export interface KeyQuery {
  status?: KeyStatus
  limit: number
  cursor?: string
}

/** One page of the keys of which this holds, newest first. @throws Problem validation_failed for a cursor that is none */
export async function listKeyPage(
  { db, clock }: KeyContext,
  which: Pick<KeyFilter, 'ownerSubject' | 'kind' | 'group' | 'text'>,
  query: KeyQuery,
): Promise<KeyPage> {
  const after = readCursor(query.cursor)
  const now = new Date(clock())
  const { status, limit } = query
  const found = await listKeys(db, { ...which, status, now, limit: limit + 1, after })
  const { rows, nextCursor } = cutPage(found, limit)
  return { keys: rows, now, nextCursor }
}
