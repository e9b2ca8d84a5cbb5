import { afterAll, beforeAll, expect, test } from 'vitest'
import { type FakeIssuer, startFakeIssuer } from '../../support/fake-issuer.js'
import { requirePostgresql } from '../support/environment.js'
import { createDatabase } from '../support/postgresql.js'
import { type Service, startService } from '../support/service.js'
import { settingsFor } from '../support/settings.js'
import { asCarol } from '../support/tokens.js'
import { ask, type NewKey, newName } from './people.js'

/** Hears what was measured, before it is judged. */
type Report = (row: string, figures: string[]) => void

/**
 * Two replicas on one PostgreSQL: each of so many keys is used at the one without a pause while it is revoked at the
 * other. Measured is from the answer to the revocation to the sending of the last request that was still accepted.
 * @param promisedMs the longest such time of 99 of 100
 */
export function describeRevocations(revocations: number, promisedMs: number, report?: Report): void {
  let issuer: FakeIssuer
  let token: { authorization: string }
  let replicas: [revoking: Service, using: Service]

  beforeAll(async () => {
    issuer = await startFakeIssuer()
    const settings = settingsFor({ issuer: issuer.url }, await createDatabase(await requirePostgresql()))
    // Every key ends in refusals here.
    const env = { ...settings, REFUSED_RATE_PER_MINUTE: 'off' }
    replicas = [await startService({ env }), await startService({ env })]
    token = await asCarol(issuer)
  })
  afterAll(async () => {
    for (const replica of replicas) await replica.stop()
    await issuer.close()
  })

  test(`after the answer to each of ${revocations} revocations the other replica soon accepts nothing`, async () => {
    const delaysMs: number[] = []

    for (let count = 0; count < revocations; count += 1) delaysMs.push(await revokeInUse(await createKey()))

    delaysMs.sort((one, other) => one - other)
    const [p50, p99, max] = [0.5, 0.99, 1].map((share) => readQuantile(delaysMs, share))
    report?.('revoked at the other replica', [
      `${revocations} revocations`,
      `p50 ${p50} ms`,
      `p99 ${p99} ms`,
      `max ${max} ms`,
    ])
    expect(p99).toBeLessThanOrEqual(promisedMs)
  })

  /** @returns for how long, in milliseconds, it was accepted after the answer */
  async function revokeInUse(key: NewKey): Promise<number> {
    for (let uses = 0; uses < 5; uses += 1) expect((await useKey(key)).status).toBe(200)

    const [answeredAt, lastAcceptedAt] = await Promise.all([revoke(key), useUntilRefused(key)])

    return Math.max(0, lastAcceptedAt - answeredAt)
  }

  /** @returns when the answer came */
  async function revoke({ id }: NewKey): Promise<number> {
    const { status } = await ask(`${replicas[0].url}/api-keys/${id}/revoke`, {
      method: 'POST',
      headers: token,
    })
    const answeredAt = performance.now()
    expect(status).toBe(200)
    return answeredAt
  }

  /**
   * Goes on for a while after the first refusal, for none of them may be taken back.
   * @returns when the last request that was accepted was sent
   */
  async function useUntilRefused(key: NewKey): Promise<number> {
    let lastAcceptedAt = Number.NEGATIVE_INFINITY
    for (let refusals = 0; refusals < 10; ) {
      const sentAt = performance.now()
      const { status } = await useKey(key)
      if (status === 200) lastAcceptedAt = sentAt
      else {
        expect(status).toBe(401)
        refusals += 1
      }
    }
    return lastAcceptedAt
  }

  const useKey = ({ value }: NewKey) =>
    ask(`${replicas[1].url}/catalog/`, { headers: { 'x-api-key': value } })

  async function createKey(): Promise<NewKey> {
    const { status, body } = await ask(`${replicas[0].url}/api-keys`, {
      method: 'POST',
      headers: { ...token, 'content-type': 'application/json' },
      body: JSON.stringify({ name: newName() }),
    })
    expect(status).toBe(201)
    // The answer of a creation, as the contract fixes it.
    return body as NewKey
  }
}

/** @param sorted ascending, not empty */
function readQuantile(sorted: number[], share: number): number {
  return Number((sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN).toFixed(1))
}
