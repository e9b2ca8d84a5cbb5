import { hash } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encryptionSecret, openOtherReplica } from '../support/other-replica.js'
import { requestRaw } from '../support/raw-http.js'
import { startService, type TestService } from '../support/service.js'
import { type Arsenal, gatherArsenal } from './credential-arsenal.js'
import { type Attempt, anAttempt, aWrongValue } from './credential-attempts.js'

export interface CredentialAttackOptions {
  /** What the attempts are made of: the same seed, the same attempts. */
  seeds: number[]
  /** Attempts for each seed, in the process. */
  attempts: number
  /** Attempts for each seed, over a socket of their own. */
  rawAttempts: number
  /** Takes what each seed came to. */
  report?: (row: string, figures: string[]) => void
}

interface Answer {
  status: number
  headers: string
  body: string
}

type Send = (attempt: Attempt) => Promise<Answer>

const atOnce = 50

/** What a refusal of a credential may say; 431 is Node's own for headers that are too large. */
const refusals: Record<number, string[]> = {
  400: ['invalid_request'],
  401: ['invalid_credential', 'not_authenticated'],
  431: ['invalid_request'],
}

/** Presents credentials that are wrong in every way anybody thought of: none is let in, none breaks anything or leaks. */
export function describeCredentialAttack(options: CredentialAttackOptions): void {
  let service: TestService
  let arsenal: Arsenal
  let readLog = 0
  beforeAll(async () => {
    const replica = await openOtherReplica({ clock: () => service.clock.now() })
    const env = { MAX_KEYS_PER_USER: '100', KEY_ENCRYPTION_SECRET: encryptionSecret }
    service = await startService(env, { db: replica.db })
    arsenal = await gatherArsenal(service, replica)
  })
  afterAll(() => service.close())

  const inject: Send = async ({ method, path, headers }) => {
    const repeated: Record<string, string | string[]> = {}
    for (const [name, value] of headers) {
      const before = repeated[name.toLowerCase()]
      repeated[name.toLowerCase()] = before === undefined ? value : [before, value].flat()
    }
    const answer = await service.app.inject({ method, url: path, headers: repeated })
    return { status: answer.statusCode, headers: JSON.stringify(answer.headers), body: answer.body }
  }
  const sendRaw: Send = async ({ method, path, headers }) => {
    const lines = headers.map(([name, value]) => `${name}: ${value}`)
    const answer = await requestRaw(service.config.port, [`${method} ${path} HTTP/1.1`, ...lines])
    return { status: answer.status, headers: JSON.stringify(answer.headers), body: answer.body }
  }

  describeShare('in the process', inject, options.attempts)
  describeShare('over sockets of their own', sendRaw, options.rawAttempts)

  test.each(options.seeds)('services that ask for wrong values of seed %i get a no', async (seed) => {
    const ask = async (value: string) =>
      await service.inject({ method: 'POST', url: '/api-keys/verify', payload: { value, method: 'GET' } })
    const numRuns = Math.ceil(options.attempts / 10)

    await fc.assert(
      fc.asyncProperty(aWrongValue(arsenal), async (value) => {
        const answer = await ask(value)

        // An empty value, and one that no key is as long as, are no question.
        if (value === '' || value.length > 4096) expect(answer.status).toBe(400)
        else expect([answer.status, answer.json.valid]).toEqual([200, false])
        expect(answer.json).not.toHaveProperty('principal')
        expect(answer.body).not.toMatch(/alice|bob/)
      }),
      { seed, numRuns },
    )
    expect((await ask(arsenal.good.key)).json.valid).toBe(true)
  })

  test('a credential that is let in would be noticed', async () => {
    for (const attempt of goodAttempts(arsenal)) {
      for (const send of [inject, sendRaw]) {
        const answer = await send(attempt)

        expect(answer.status).toBe(200)
        expect(() => expectRefusal(attempt, answer)).toThrow()
      }
    }
  })

  function describeShare(where: string, send: Send, attempts: number) {
    test.each(options.seeds)(
      `of ${attempts.toLocaleString('en')} attempts ${where} of seed %i none is let in, breaks anything or leaks`,
      async (seed) => {
        const started = performance.now()
        await fc.assert(
          fc.asyncProperty(
            fc.array(anAttempt(arsenal), { minLength: atOnce, maxLength: atOnce }),
            async (batch) => {
              await Promise.all(batch.map((attempt) => expectRefused(attempt, send)))
              expectNothingLogged(batch)
            },
          ),
          // The one attempt of the batch that failed is told by its error.
          { seed, numRuns: Math.ceil(attempts / atOnce), endOnFailure: true },
        )

        // Whoever refuses everybody passes the above: the good ones go on through all of it.
        for (const attempt of goodAttempts(arsenal)) expect((await send(attempt)).status).toBe(200)
        const perSecond = Math.round((attempts / (performance.now() - started)) * 1000)
        options.report?.(`wrong credentials of seed ${seed}, ${where}`, [
          `${attempts} attempts`,
          '0 let in',
          `${perSecond} a second`,
        ])
      },
      600_000,
    )
  }

  /** The lines of the log since the last look, held against what was presented and its hashes. */
  function expectNothingLogged(batch: Attempt[]) {
    const lines = service.log.slice(readLog).join('')
    readLog = service.log.length
    expect(lines).not.toMatch(/"level":[56]0/)
    for (const secret of new Set(batch.flatMap(({ secrets }) => secrets))) {
      expect(lines).not.toContain(secret)
      for (const form of hashesOf(secret)) expect(lines).not.toContain(form)
    }
  }
}

const hashes = new Map<string, string[]>()
/** Kept for the few that come with every attempt. */
function hashesOf(secret: string): string[] {
  const known = hashes.get(secret)
  if (known !== undefined) return known
  const forms = (['hex', 'base64', 'base64url'] as const).map((form) => hash('sha256', secret, form))
  if (hashes.size < 1000) hashes.set(secret, forms)
  return forms
}

async function expectRefused(attempt: Attempt, send: Send): Promise<void> {
  const answer = await send(attempt)
  try {
    expectRefusal(attempt, answer)
  } catch (cause) {
    const { method, path, headers } = attempt
    const told = JSON.stringify({ method, path, headers, answer })
    throw new Error(`This attempt was not refused as it must be: ${told}`, { cause })
  }
}

function expectRefusal(attempt: Attempt, { status, headers, body }: Answer): void {
  expect(refusals).toHaveProperty(String(status))
  expect(headers).toContain('application/problem+json')
  const { code, requestId, ...problem } = JSON.parse(body)
  expect(refusals[status]).toContain(code)
  expect(problem.status).toBe(status)
  expect(requestId).toMatch(/^[\da-f-]{36}$/)
  const answer = headers + body
  expect(answer).not.toMatch(/alice|bob|prisma|node_modules/i)
  // A cookie that is no session is taken away; none is ever given.
  expect(headers).not.toMatch(/"set-cookie"[:,]\[?"[^=]+=[^;]/)
  for (const secret of attempt.secrets) {
    expect(answer).not.toContain(secret)
    for (const form of hashesOf(secret)) expect(answer).not.toContain(form)
  }
}

/** What is let in, in every form that the attack bends. */
function goodAttempts({ good }: Arsenal): Attempt[] {
  const to = (path: string, ...headers: [string, string][]): Attempt => ({
    method: 'GET',
    path,
    headers,
    secrets: [],
  })
  return [
    to('/me', ['X-API-Key', good.key]),
    to('/me', ['X-API-Key', ` ${good.otherKey}\t`]),
    to('/me', ['Authorization', `Apikey ${good.key}`]),
    to('/me', ['Authorization', `bearer ${good.key}`]),
    to('/me', ['Authorization', `Bearer ${good.token}`]),
    to('/me', ['X-API-Key', good.imported]),
    to('/me', ['Authorization', `Basic ${btoa(good.imported)}`]),
    to('/me', ['Otoroshi-Authorization', btoa(`${good.key.slice(3, 11)}:${good.key.slice(12)}`)]),
    to('/me', ['Otoroshi-Client-Id', good.key.slice(3, 11)], ['Otoroshi-Client-Secret', good.key]),
    to('/me', ['Otoroshi-Token', good.keyToken]),
    to('/me', ['Authorization', `Bearer ${good.keyToken}`]),
    to('/me', ['Cookie', good.session]),
    to(`/catalog/collections?api_key=${good.key}`),
  ]
}
