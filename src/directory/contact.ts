import type { FastifyBaseLogger } from 'fastify'
import { NotAllowed, NotWanted } from './source.js'

/**
 * `starting`: nothing was answered yet. `following`: it answers. `away`: it does not, for now. `refused`: this service
 * may not look people up, so what their last login told serves.
 */
type State = 'starting' | 'following' | 'away' | 'refused'

export interface ContactOptions {
  log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
  /** Keeps, beyond this process, whether people are followed. */
  remember(followed: boolean): void
}

/** What the answers of the identity provider as a whole mean. What it says of one person means nothing here. */
export interface Contact {
  /** What it said before this process started; null: it was never asked. */
  recall(followedBefore: boolean | null): void
  noteAnswer(): void
  noteFailure(error: unknown): void
  isAway(): boolean
  isRefused(): boolean
  /** Whether people are followed; null: not known yet. */
  follows(): boolean | null
  /** Whether they were at any time, so that knowledge of them ages. */
  hasEverFollowed(): boolean
}

export function createContact({ log, remember }: ContactOptions): Contact {
  let state: State = 'starting'
  let hasFollowed = false

  return {
    recall(followedBefore) {
      hasFollowed ||= followedBefore === true
    },
    noteAnswer,
    noteFailure,
    isAway: () => state === 'away',
    isRefused: () => state === 'refused',
    follows: () => (state === 'refused' ? false : hasFollowed || null),
    hasEverFollowed: () => hasFollowed,
  }

  function noteAnswer() {
    // The end of an outage is to be seen wherever its beginning is.
    const level = state === 'starting' ? 'info' : 'warn'
    if (state !== 'following') log[level]('the identity provider tells who the owners of keys are')
    if (!hasFollowed) remember(true)
    state = 'following'
    hasFollowed = true
  }

  function noteFailure(error: unknown) {
    // Where people were followed once, a service account that disappears is an outage, unless the operator says so.
    const isRefusal = error instanceof NotWanted || (error instanceof NotAllowed && !hasFollowed)
    if (isRefusal) noteRefusal(error)
    else if (state !== 'refused') noteAbsence(error)
  }

  function noteRefusal({ message: reason }: Error) {
    if (state === 'refused') return
    log.warn(
      { reason },
      'owners of keys are not followed: what their last login told serves, and no key may live for ever',
    )
    state = 'refused'
    hasFollowed = false
    remember(false)
  }

  function noteAbsence(error: unknown) {
    if (state === 'away') return
    const hint =
      error instanceof NotAllowed ? '; if nobody shall be followed any more, set DIRECTORY_URL=off' : ''
    log.error(
      { reason: describe(error) },
      `the identity provider does not tell who the owners of keys are: keys go on for DIRECTORY_MAX_STALE_SECONDS${hint}`,
    )
    state = 'away'
  }
}

/** With its cause, since `fetch failed` tells nobody anything. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
