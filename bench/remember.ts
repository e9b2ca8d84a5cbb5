import { join } from 'node:path'
import { createTokenVerifier } from '../src/auth/bearer.js'
import { createIssuer } from '../src/auth/issuer.js'
import type { Verify } from '../src/auth/types.js'
import { generateSigningKey } from '../src/dev/signing-key.js'
import { createKeyVerifier } from '../src/keys/verify.js'
import { openDatabase } from '../src/store/database.js'
import { createUsageCounter } from '../src/usage/counter.js'
import { projectFolder } from '../test/e2e/support/folders.js'
import { answerParent } from './messages.js'
import { storedKey } from './stored-keys.js'
import { startIssuer } from './variants/issuer.js'
import { audience, signToken } from './variants/token.js'

/**
 * A process that tells how many bytes a verifier holds for each credential it has accepted:
 * `remember.js keys <count> <url>`, `remember.js tokens <count>`. It runs with --expose-gc.
 */
const [kind, count = '', url = ''] = process.argv.slice(2)
const address = '127.0.0.1'
const atOnce = 500
const hourMs = 3_600_000

interface Credentials {
  credentialOf(number: number): string
  createVerifier(): Verify
}

const credentials = await (kind === 'keys' ? openKeys(url) : signTokens(Number(count)))
answerParent(() => measureBytesEach(credentials, Number(count)))
process.send?.('ready')

/** What a second verifier adds, when the first has left code compiled and buffers as large as they get. */
async function measureBytesEach({ createVerifier, credentialOf }: Credentials, count: number) {
  await acceptAll(createVerifier(), credentialOf, count)
  const before = await bytesInUse()
  const verify = createVerifier()
  await acceptAll(verify, credentialOf, count)
  const after = await bytesInUse()
  // Asked once more, so that it is still there when the memory is looked at; and its answer is at hand.
  if (verify(credentialOf(0), address) instanceof Promise) throw new Error('The verifier has forgotten')
  return (after - before) / count
}

async function acceptAll(verify: Verify, credentialOf: (number: number) => string, count: number) {
  for (let first = 0; first < count; first += atOnce) {
    const numbers = Array.from({ length: Math.min(atOnce, count - first) }, (_, at) => first + at)
    const verdicts = await Promise.all(numbers.map((number) => verify(credentialOf(number), address)))
    if (verdicts.some(({ kind }) => kind !== 'accepted')) throw new Error('A credential was not accepted')
  }
}

/** Of JavaScript's heap and of the buffers outside of it, without what nobody holds any more. */
async function bytesInUse(): Promise<number> {
  const { gc } = globalThis
  if (gc === undefined) throw new Error('Run it with --expose-gc')
  // Buffers are freed after the collection that found them unused.
  for (let times = 0; times < 3; times++) {
    gc()
    await new Promise(setImmediate)
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const refusals = { retryAfterSeconds: () => 0, count: () => {} }

async function openKeys(url: string): Promise<Credentials> {
  const db = await openDatabase({ url, dataDir: '', migrationsDir: join(projectFolder, 'prisma/migrations') })
  const usage = createUsageCounter({ db, onError: fail })
  return {
    credentialOf: (number) => storedKey(number).value,
    // As long as the measurement may take, so that none is asked for again.
    createVerifier: () =>
      createKeyVerifier({ db, prefix: 'lk', usage, refusals, freshMs: hourMs, maxStaleMs: hourMs }).verify,
  }
}

/** Each of another person, as most are. */
async function signTokens(count: number): Promise<Credentials> {
  const signingKey = await generateSigningKey()
  const url = await startIssuer(signingKey)
  const issuer = createIssuer({ issuer: url, clientId: audience, clientSecret: 'secret' })
  const tokens: string[] = []
  for (let number = 0; number < count; number++) {
    tokens.push(await signToken(signingKey, url, `person-${number}`))
  }
  return {
    // Bytes anew, as from a connection: else the cache would hold the very string that is held here.
    credentialOf: (number) => Buffer.from(tokens[number] ?? '', 'latin1').toString('latin1'),
    createVerifier: () => createTokenVerifier({ issuer, audiences: [audience], refusals }),
  }
}

function fail(error: unknown): never {
  throw error
}
