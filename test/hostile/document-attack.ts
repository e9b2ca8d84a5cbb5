import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { importJWK, type JWK, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { developmentAccounts, embeddedIssuer } from '../../src/dev/index.js'
import { runCommand } from '../e2e/support/command.js'
import { makeTemporaryFolder, projectFolder } from '../e2e/support/folders.js'
import { schemathesisProgram } from '../e2e/support/python.js'
import { type Service, startService } from '../e2e/support/service.js'
import { logIn } from '../support/log-in.js'

export interface DocumentAttackOptions {
  /** What the inputs are made of: the same seed, the same inputs, as long as the answers are the same. */
  seeds: number[]
  /** For each seed and each kind of caller. */
  amount: Amount
  /** Takes what one of them came to. */
  report?: (row: string, figures: string[]) => void
}

/**
 * `seconds`: all that fits into this time. `examples`: so many inputs of each operation in each phase, however long they
 * take; then only an API key goes through the phase `coverage`, which has a fixed number of inputs, some thousand.
 */
export type Amount = { seconds: number } | { examples: number }

/**
 * Schemathesis against the built service: what the OpenAPI document allows and what it forbids, operation by operation
 * and in sequences, as nobody, with a token, with a key and with a session.
 */
export function describeDocumentAttack({ seeds, amount, report }: DocumentAttackOptions): void {
  let service: Service
  beforeAll(async () => {
    service = await startService({
      env: {
        REFUSED_RATE_PER_MINUTE: 'off',
        LOGIN_RATE_PER_MINUTE: 'off',
        KEY_CHANGES_PER_HOUR: 'off',
        MAX_KEYS_PER_USER: '1000000',
      },
    })
  })
  afterAll(() => service.stop())

  /** Who calls, with what, and what `/me` must answer before and after: else the attack met closed doors only. */
  const callers: [string, () => Promise<Record<string, string>>, number][] = [
    ['nobody', async () => ({}), 401],
    ['an OAuth2 token', async () => ({ Authorization: `Bearer ${await signToken(service)}` }), 200],
    // Of bob: what alice's runs revoke, rotate and delete are alice's keys.
    ['an API key', async () => ({ 'X-API-Key': await createKey(service, 'bob') }), 200],
    ['a session', () => openSession(service, 'alice'), 200],
  ]

  describe.each(seeds)('inputs of seed %i, from and beside the document, find', (seed) => {
    test.each(callers)(
      'no 5xx and no answer that it does not announce: %s',
      async (caller, present, statusOfMe) => {
        const headers = await present()
        expect(await askMe(service, headers)).toBe(statusOfMe)

        const isCovering = caller === 'an API key'
        const found = await attack(service.url, headers, [
          '--seed',
          String(seed),
          ...limit(amount, isCovering),
        ])

        expect(found).toMatch(/Selected: (\d+)\/\1\n +Tested: \1\n/)
        expect(found).toMatch(/[1-9]\d* generated, \d+ passed/)
        expect(found).not.toContain('❌')
        expect(await askMe(service, headers)).toBe(statusOfMe)
        await expectCleanLog(service, headers)
        report?.(
          `the document's inputs of seed ${seed}, ${caller}`,
          found.match(/\d+ generated, \d+ passed|\d+ covered/g) ?? [],
        )
      },
      ('seconds' in amount ? amount.seconds + 60 : 180) * 1000,
    )
  })
}

function limit(amount: Amount, isCovering: boolean): string[] {
  if ('seconds' in amount) return ['--max-time', String(amount.seconds)]
  const phases = isCovering ? [] : ['--phases', 'examples,fuzzing,stateful']
  return ['--max-examples', String(amount.examples), ...phases]
}

/** @throws with its whole report when it found something */
async function attack(url: string, headers: Record<string, string>, words: string[]): Promise<string> {
  // What it writes beside its report; nobody reads it.
  const cwd = await makeTemporaryFolder('schemathesis')
  const config = join(projectFolder, 'test/hostile/schemathesis.toml')
  const presented = Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`])
  try {
    return await runCommand(
      schemathesisProgram(),
      [...['--config-file', config, 'run', `${url}/docs/json`], ...[...words, ...presented]],
      { cwd, env: { PATH: process.env.PATH, HOME: process.env.HOME, COLUMNS: '160' } },
    )
  } finally {
    await rm(cwd, { recursive: true, force: true })
  }
}

async function askMe(service: Service, headers: Record<string, string>): Promise<number> {
  const answer = await fetch(`${service.url}/me`, { headers })
  await answer.body?.cancel()
  return answer.status
}

async function expectCleanLog(service: Service, headers: Record<string, string>) {
  const lines = (await service.log()).split('\n')

  expect(lines.filter((line) => /"level":[56]0|"status":5\d\d/.test(line))).toEqual([])
  for (const value of Object.values(headers)) {
    const secret = value.slice(-40)
    expect(lines.filter((line) => secret !== service.url && line.includes(secret))).toEqual([])
  }
}

/** As the embedded identity provider signs it, but good for as long as the attack lasts. */
async function signToken(service: Service): Promise<string> {
  const secrets = JSON.parse(readFileSync(join(service.folder, 'data/secrets.json'), 'utf8'))
  const jwk: JWK = secrets.signingKey
  const alice = developmentAccounts.find(({ username }) => username === 'alice')
  return await new SignJWT({
    typ: 'Bearer',
    azp: 'latchkey',
    preferred_username: 'alice',
    resource_access: { latchkey: { roles: ['catalog_read'] } },
  })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(jwk.kid === undefined ? {} : { kid: jwk.kid }) })
    .setIssuer(embeddedIssuer(service.url))
    .setSubject(alice?.sub ?? '')
    .setAudience('latchkey')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(await importJWK(jwk, 'RS256'))
}

/** What a page of this site sends along. */
async function openSession(service: Service, person: 'alice' | 'bob'): Promise<Record<string, string>> {
  const { cookie } = await logIn(service, person)
  return { Cookie: cookie, Origin: service.url }
}

async function createKey(service: Service, person: 'alice' | 'bob'): Promise<string> {
  const answer = await fetch(`${service.url}/api-keys`, {
    method: 'POST',
    headers: { ...(await openSession(service, person)), 'content-type': 'application/json' },
    body: JSON.stringify({ name: crypto.randomUUID() }),
  })
  const { value } = (await answer.json()) as { value: string }
  return value
}
