import { Problem } from '../errors.js'
import type { KeyStatus } from '../schemas/key.js'
import { type KeyPosition, type KeyRow, listKeys } from '../store/keys.js'
import type { KeyContext } from './context.js'

export interface KeyPage {
  keys: KeyRow[]
  /** The time by which their status was decided. */
  now: Date
  /** Asks for the next page; null at the end. */
  nextCursor: string | null
}

/** One page of the owner's keys, newest first. @throws Problem validation_failed for a cursor that is none */
export async function listOwnKeys(
  { db, clock }: KeyContext,
  ownerSubject: string,
  query: { status?: KeyStatus; limit: number; cursor?: string },
): Promise<KeyPage> {
  const after = query.cursor === undefined ? null : readCursor(query.cursor)
  const now = new Date(clock())
  const found = await listKeys(db, {
    ownerSubject,
    status: query.status,
    now,
    // One more than asked for tells whether there is another page.
    limit: query.limit + 1,
    after,
  })
  const keys = found.slice(0, query.limit)
  const last = keys.at(-1)
  return {
    keys,
    now,
    nextCursor: found.length > keys.length && last !== undefined ? writeCursor(last) : null,
  }
}

const writeCursor = ({ createdAt, id }: KeyPosition) =>
  Buffer.from(`${createdAt.getTime()} ${id}`).toString('base64url')

function readCursor(cursor: string): KeyPosition {
  // Thirteen digits last until the year 2286; what lies far beyond is an error of the database's.
  const [, time, id] = /^(\d{1,13}) ([A-Za-z0-9.-]{1,64})$/.exec(decode(cursor)) ?? []
  if (time !== undefined && id !== undefined) return { createdAt: new Date(Number(time)), id }
  throw new Problem('validation_failed', {
    errors: [{ path: 'cursor', message: 'is not a cursor of this list' }],
  })
}

const decode = (cursor: string) => Buffer.from(cursor, 'base64url').toString('latin1')
