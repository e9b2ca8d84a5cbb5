import { setTimeout as delay } from 'node:timers/promises'
import { ask, askUntilTold } from '../journeys/people.js'
import type { Home } from './homes.js'

interface LedgerKey {
  id: string
  value: string
  /** What was acknowledged last; `either` when the service went away before it had answered to a revocation. */
  state: 'works' | 'revoked' | 'either'
}

/** What a service has acknowledged, kept outside of it. */
export interface Ledger {
  /** Creations and revocations that were answered. */
  readonly acknowledged: number
  /**
   * Makes and revokes keys from several clients at once, until told to stop.
   * @returns stops it, and resolves when every client has its last answer, or none
   */
  beginLoad(clients: number): Promise<() => Promise<void>>
  /** Resolves when that many more were answered, or after some seconds. */
  waitForMore(count: number): Promise<void>
  /** Compares every key with what was acknowledged. Nobody may change keys meanwhile. */
  judge(): Promise<Judgement>
}

export interface Judgement {
  /** Ids of keys that were acknowledged and do not work. */
  lost: string[]
  /** Ids of keys whose revocation was acknowledged and that work. */
  undone: string[]
  checked: number
}

const patienceMs = 20_000

export function openLedger(home: Home): Ledger {
  const keys: LedgerKey[] = []
  let acknowledged = 0
  let names = 0

  return {
    get acknowledged() {
      return acknowledged
    },
    async beginLoad(clients) {
      const headers = { ...(await home.findHeaders()), 'content-type': 'application/json' }
      let isOver = false
      const loads = Array.from({ length: clients }, async () => {
        while (!isOver) {
          await change(headers)
        }
      })
      return async () => {
        isOver = true
        await Promise.all(loads)
      }
    },
    async waitForMore(count) {
      const [wanted, deadline] = [acknowledged + count, Date.now() + patienceMs]
      while (acknowledged < wanted && Date.now() < deadline) await delay(5)
    },
    async judge() {
      const judgement: Judgement = { lost: [], undone: [], checked: keys.length }
      // A handful at once: it is the database that is asked, not its patience.
      for (let from = 0; from < keys.length; from += 16)
        await Promise.all(keys.slice(from, from + 16).map((key) => judgeKey(key, judgement)))
      return judgement
    },
  }

  /** One creation and, for two keys of three, the revocation of it. */
  async function change(headers: Record<string, string>): Promise<void> {
    names += 1
    const isForShort = names % 3 !== 0
    const made = await post(headers, '/api-keys', { name: `Ledger ${process.pid}-${names}` })
    if (made === undefined) return
    // The answer of a creation, as the contract fixes it.
    const { id, value } = made as { id: string; value: string }
    const key: LedgerKey = { id, value, state: 'works' }
    keys.push(key)
    acknowledged += 1
    if (!isForShort) return
    key.state = 'either'
    if ((await post(headers, `/api-keys/${id}/revoke`, {})) === undefined) return
    key.state = 'revoked'
    acknowledged += 1
  }

  /** @returns the answer when it came whole, `undefined` when the service went away before */
  async function post(headers: Record<string, string>, path: string, body: object): Promise<unknown> {
    try {
      const init = { method: 'POST', headers, body: JSON.stringify(body) }
      const answer = await ask(`${home.url}${path}`, init)
      if (answer.status === 200 || answer.status === 201) return answer.body
      // Its database is away: it may say so, and nothing else.
      if (answer.status !== 503) throw new UnexpectedAnswer(path, answer.status)
    } catch (error) {
      if (error instanceof UnexpectedAnswer) throw error
    }
    await delay(20)
    return undefined
  }

  async function judgeKey(key: LedgerKey, judgement: Judgement): Promise<void> {
    const { status } = await askUntilTold(`${home.url}/catalog/collections`, {
      headers: { 'x-api-key': key.value },
    })
    if (status !== 200 && status !== 401) throw new UnexpectedAnswer('/catalog/collections', status)
    const works = status === 200
    if (key.state === 'either') key.state = works ? 'works' : 'revoked'
    if (key.state === 'works' && !works) judgement.lost.push(key.id)
    if (key.state === 'revoked' && works) judgement.undone.push(key.id)
  }
}

class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer'

  constructor(path: string, status: number) {
    super(`${path} gave ${status}`)
  }
}
