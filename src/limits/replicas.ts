import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Share } from './memory.js'
import type { RedisClock } from './redis-clock.js'
import { patienceMs, type RedisConnection } from './redis-connection.js'
import { beatScript, epochKey, replicasKey } from './redis-scripts.js'
import type { Wakefulness } from './wakefulness.js'

export interface Member {
  readonly id: string
  /** The time of its last heartbeat, by the clock of Redis. */
  readonly seenAt: number
  /** Whether it has stored all that it counted by itself, and counts by itself no more. */
  readonly isReady: boolean
}

export const beatEveryMs = 250
/** Within this time every other replica has read of a new one. */
const introductionMs = 4 * beatEveryMs
/** How long a silent replica keeps its share. */
const rememberedMs = 10_000
/** How long a return waits for the replicas that were there before. */
const awaitOthersMs = 3_000

/** The replicas that share Redis, as this one knows them from the answers to its heartbeats. */
export class Replicas {
  readonly id = randomUUID()
  readonly #connection: RedisConnection
  readonly #clock: RedisClock
  readonly #wakefulness: Wakefulness
  #others: readonly string[] = []
  #introducedAt: number | null = null
  /** When the heartbeat was sent that Redis last answered. */
  #seenAt = Number.NEGATIVE_INFINITY

  constructor(connection: RedisConnection, clock: RedisClock, wakefulness: Wakefulness) {
    this.#connection = connection
    this.#clock = clock
    this.#wakefulness = wakefulness
  }

  /** Whether this replica has counted in Redis before. */
  get isIntroduced(): boolean {
    return this.#introducedAt !== null
  }

  get hasOthers(): boolean {
    return this.#others.length > 0
  }

  noteIntroduced(): void {
    this.#introducedAt ??= performance.now()
  }

  noteOthers(members: readonly Member[]): void {
    this.#others = members.map((member) => member.id).filter((other) => other !== this.id)
  }

  /** What this replica may let pass by itself. Null when the others do not know of it, or not any more. */
  findShare(): Share | null {
    const at = performance.now()
    const isKnown =
      this.#introducedAt !== null &&
      at - this.#introducedAt > introductionMs &&
      at - this.#seenAt < rememberedMs / 2
    const rank = this.#others.filter((other) => other < this.id).length
    return isKnown ? { replicas: this.#others.length + 1, rank } : null
  }

  /**
   * Announces this replica and reads all of them.
   * @param epoch that this replica counts in; null: in none
   * @throws when Redis does not answer in time, or holds another epoch
   */
  async beat(state: 'ready' | 'away', epoch: string | null): Promise<Member[]> {
    this.#wakefulness.note()
    const askedAt = performance.now()
    const words = [this.id, this.#clock.now() + patienceMs, state, rememberedMs, epoch ?? '']
    const answer = await this.#connection.run(beatScript, [replicasKey, epochKey], words)
    // The shape that the script promises.
    const [outcome, redisNow, ...entries] = answer as [string, number, ...string[]]
    this.#clock.note(redisNow)
    // A replica without calls would not notice it, and the others would wait for it.
    if (outcome === 'closed') throw new Error('Redis has lost its counters')
    if (outcome !== 'ok') {
      this.#clock.set(redisNow)
      throw new Error('Redis answered too late')
    }
    this.#seenAt = askedAt
    return readMembers(entries)
  }

  /**
   * Announces this replica as ready, until all replicas known before have stored their counts since then or are gone.
   * @throws when Redis does not answer in time
   */
  async awaitOthers(since: number): Promise<void> {
    const startedAt = performance.now()
    const expected = this.#others
    for (;;) {
      const members = await this.beat('ready', null)
      const ready = new Set(members.filter(({ isReady, seenAt }) => isReady && seenAt >= since).map(idOf))
      const isWaiting = [...expected, ...members.map(idOf)].some((id) => id !== this.id && !ready.has(id))
      if (!isWaiting || performance.now() - startedAt > awaitOthersMs) return this.noteOthers(members)
      await sleep(50, undefined, { ref: false })
    }
  }

  /** @throws when Redis does not answer in time */
  async signOff(): Promise<void> {
    await this.#connection.deleteField(replicasKey, this.id)
  }
}

const idOf = ({ id }: Member) => id

function readMembers(entries: readonly string[]): Member[] {
  const members: Member[] = []
  for (let at = 0; at + 1 < entries.length; at += 2) {
    const [seenAt, state] = (entries[at + 1] ?? '').split(' ')
    members.push({ id: entries[at] ?? '', seenAt: Number(seenAt), isReady: state === 'ready' })
  }
  return members
}
