import type { FastifyBaseLogger } from 'fastify'
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import type { PublicKey } from '../schemas/jwks.js'
import type { Sealer } from '../secrets/sealing.js'
import type { Database } from '../store/database.js'
import {
  deleteSigningKeys,
  insertSigningKey,
  listSigningKeys,
  type NewSigningKey,
  type SigningKeyRow,
} from '../store/signing-keys.js'
import { chooseSigner, listEnded, needsSuccessor } from './schedule.js'

export const algorithm = 'ES256'

export interface KeyringOptions {
  db: Database
  /** Null: this replica signs nothing. */
  sealer: Sealer | null
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>
  /** How often the keys of the database are read. Default 60,000. */
  refreshMs?: number
}

/** What this service signs with now. */
export interface Signer {
  readonly kid: string
  readonly key: CryptoKey
}

/** The keys that all replicas sign with, as they are in the database. */
export interface Keyring {
  /** Null: there is none that could be used. */
  signer(): Signer | null
  /** The public keys of all replicas; null until they could be read once. */
  published(): readonly PublicKey[] | null
  /**
   * The public key of that id; null: there is none. One that is not known yet is looked for, at most once a second for
   * all who ask.
   * @throws KeyringUnreadable when the keys cannot be read, so that nobody knows
   */
  verifier(kid: string): Promise<CryptoKey | null>
  /** Resolved, the keys are there, unless the database is away: then they come with its return. */
  start(): Promise<void>
  /** Reads what is kept now and makes the next key when it is time. Never rejects. */
  refresh(): Promise<void>
  close(): Promise<void>
}

/** The keys of the database cannot be read now, and the one that is asked for is not among those that are known. */
export class KeyringUnreadable extends Error {
  override readonly name = 'KeyringUnreadable'
  constructor() {
    super('The keys that this service signs with cannot be read')
  }
}

const retryAwayMs = 5_000
const lookAgainMs = 1_000

/** Keeps the keys that assertions are signed with up to date; with the database away, those that it has. */
export function createKeyring({ db, sealer, log, refreshMs = 60_000 }: KeyringOptions): Keyring {
  const opened = new Map<string, CryptoKey>()
  const unopenable = new Set<string>()
  const verifiers = new Map<string, CryptoKey>()
  let lookedAt: number | null = null
  let rows: readonly SigningKeyRow[] = []
  let readAt: number | null = null
  let signer: Signer | null = null
  let published: readonly PublicKey[] | null = null
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let isAway = false
  let isClosed = false

  return { signer: () => signer, published: () => published, verifier, start, refresh, close }

  async function start(): Promise<void> {
    if (sealer === null) {
      log.warn(
        'KEY_ENCRYPTION_SECRET is not set: assertions for services are left empty, and there are no links',
      )
    }
    await refresh()
    schedule()
  }

  function schedule(): void {
    if (isClosed) return
    timer = setTimeout(() => void refresh().then(schedule), isAway ? retryAwayMs : refreshMs)
    timer.unref()
  }

  async function verifier(kid: string): Promise<CryptoKey | null> {
    const known = verifiers.get(kid) ?? (await importKnown(kid))
    if (known !== null) return known
    await lookAgain()
    const found = await importKnown(kid)
    if (found === null && (isAway || readAt === null)) throw new KeyringUnreadable()
    return found
  }

  async function importKnown(kid: string): Promise<CryptoKey | null> {
    const jwk = published?.find((one) => one.kid === kid)
    if (jwk === undefined) return null
    const key = (await importJWK(jwk as JWK, algorithm)) as CryptoKey // An elliptic curve's key is never bytes.
    verifiers.set(kid, key)
    return key
  }

  /** Another replica may have made one since. */
  async function lookAgain(): Promise<void> {
    const now = performance.now()
    if (lookedAt !== null && now - lookedAt < lookAgainMs) return running
    lookedAt = now
    await refresh()
  }

  function refresh(): Promise<void> {
    running ??= readAndRotate()
      .then(noteAnswer, noteFailure)
      .finally(() => {
        running = undefined
      })
    return running
  }

  async function readAndRotate(): Promise<void> {
    await read()
    if (sealer === null || isClosed) return
    if (needsSuccessor(await findUsable(sealer))) {
      const added = await insertSigningKey(
        db,
        await generate(sealer),
        rows.map(({ kid }) => kid),
      )
      if (added) log.info('a new key to sign assertions with is published')
      await read()
    }
    await choose(sealer)
    const ended = listEnded(rows).map(({ kid }) => kid)
    if (ended.length === 0) return
    await deleteSigningKeys(db, ended)
    await read()
  }

  async function read(): Promise<void> {
    rows = await listSigningKeys(db)
    readAt = performance.now()
    // As `generate` made them.
    published = rows.map(({ publicJwk }) => publicJwk as PublicKey)
    for (const kept of [opened, verifiers]) {
      for (const kid of kept.keys()) if (!rows.some((row) => row.kid === kid)) kept.delete(kid)
    }
  }

  async function choose(sealer: Sealer): Promise<void> {
    // By a clock that nobody sets: the database told how old they are, and this how long ago that was.
    const sinceMs = readAt === null ? 0 : performance.now() - readAt
    const usable = (await findUsable(sealer)).map((row) => ({ ...row, ageMs: row.ageMs + sinceMs }))
    const chosen = chooseSigner(usable)
    const key = chosen && opened.get(chosen.kid)
    signer = chosen === undefined || key === undefined ? null : { kid: chosen.kid, key }
  }

  /** The keys that this replica can open: with another secret than they were sealed with, it needs its own. */
  async function findUsable(sealer: Sealer): Promise<SigningKeyRow[]> {
    for (const { kid, sealedKey } of rows) {
      if (opened.has(kid) || unopenable.has(kid)) continue
      try {
        opened.set(kid, await open(sealer, kid, sealedKey))
      } catch (error) {
        unopenable.add(kid)
        log.warn({ kid, err: error }, 'a key of assertions cannot be opened; one that can is used instead')
      }
    }
    return rows.filter(({ kid }) => opened.has(kid))
  }

  function noteAnswer(): void {
    isAway = false
  }

  async function noteFailure(error: unknown): Promise<void> {
    if (!isAway && !isClosed) {
      log.warn(
        { err: error },
        'the keys of assertions and links could not be read; those that are known go on',
      )
    }
    isAway = true
    if (sealer !== null) await choose(sealer)
  }

  async function close(): Promise<void> {
    isClosed = true
    clearTimeout(timer)
    await running
  }
}

async function generate(sealer: Sealer): Promise<NewSigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true })
  const publicJwk = await exportJWK(publicKey)
  const kid = await calculateJwkThumbprint(publicJwk)
  return {
    kid,
    publicJwk: { ...publicJwk, kid, alg: algorithm, use: 'sig' },
    sealedKey: await sealer.seal(JSON.stringify(await exportJWK(privateKey)), boundTo(kid)),
  }
}

async function open(sealer: Sealer, kid: string, sealedKey: string): Promise<CryptoKey> {
  const jwk = JSON.parse(await sealer.open(sealedKey, boundTo(kid))) as JWK
  return (await importJWK(jwk, algorithm)) as CryptoKey // An elliptic curve's key is never bytes.
}

const boundTo = (kid: string) => `signing-key:${kid}`
