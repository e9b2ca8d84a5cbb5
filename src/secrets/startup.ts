import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { JWK } from 'jose'
import { chooseModes, setModes } from '../file-modes.js'

/** What the service makes for itself at its first start on the embedded database. */
export interface Secrets {
  sessionSecret: string
  /** Seals what must be read back, as the secrets of keys that sign JWTs. */
  encryptionSecret: string
  /** Of this service's client at the embedded identity provider. */
  embeddedClientSecret: string
  /** Signs the tokens of the embedded identity provider. */
  signingKey: JWK
}

/** The file of the secrets is there but no good: a person has to look, for new ones would end every session. */
export class SecretsUnreadable extends Error {
  override readonly name = 'SecretsUnreadable'

  constructor(file: string, reason: string) {
    // Without what was read, which is secret.
    super(
      `The secrets in ${file} ${reason}. Restore the file, or remove it to have new ones made (all sessions end then)`,
    )
  }
}

/**
 * Reads the secrets from `<dataDir>/secrets.json`, or makes those that are not there. The file is written whole or not
 * at all, and is for its owner's eyes only (0600), or for those of the group 0 where that may write to the folder.
 * @throws SecretsUnreadable
 */
export async function loadSecrets(dataDir: string, generateSigningKey: () => Promise<JWK>): Promise<Secrets> {
  const file = join(dataDir, 'secrets.json')
  const known = readSecrets(file)
  // A restored copy may be open to others.
  if (known !== null) setModes(file, chooseModes(dataDir))
  if (known?.encryptionSecret !== undefined) return { ...known, encryptionSecret: known.encryptionSecret }
  const secrets: Secrets = {
    ...(known ?? {
      sessionSecret: newSecret(),
      embeddedClientSecret: newSecret(),
      signingKey: await generateSigningKey(),
    }),
    encryptionSecret: newSecret(),
  }
  writeSecrets(dataDir, file, secrets)
  return secrets
}

const newSecret = () => randomBytes(32).toString('base64url')

function writeSecrets(dataDir: string, file: string, secrets: Secrets): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  // The lock on the database folder keeps other processes out; what is there is from a start that was killed.
  const unfinished = `${file}.new`
  rmSync(unfinished, { force: true })
  const descriptor = openSync(unfinished, 'wx', 0o600)
  fchmodSync(descriptor, chooseModes(dataDir).file)
  writeSync(descriptor, JSON.stringify(secrets))
  fsyncSync(descriptor)
  closeSync(descriptor)
  renameSync(unfinished, file)
}

/** Earlier releases sealed nothing, so their files have no secret for it. */
type StoredSecrets = Omit<Secrets, 'encryptionSecret'> & Partial<Pick<Secrets, 'encryptionSecret'>>

function readSecrets(file: string): StoredSecrets | null {
  const text = readText(file)
  if (text === null) return null
  const { sessionSecret, encryptionSecret, embeddedClientSecret, signingKey } = parse(file, text)
  const areThere =
    isSecret(sessionSecret) &&
    isSecret(embeddedClientSecret) &&
    (encryptionSecret === undefined || isSecret(encryptionSecret)) &&
    typeof signingKey?.kty === 'string'
  if (!areThere) throw new SecretsUnreadable(file, 'are incomplete')
  return {
    sessionSecret,
    embeddedClientSecret,
    signingKey,
    ...(encryptionSecret === undefined ? {} : { encryptionSecret }),
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    throw new SecretsUnreadable(file, `cannot be read (${code ?? 'unknown reason'})`)
  }
}

function parse(file: string, text: string): Partial<Secrets> {
  try {
    return Object(JSON.parse(text))
  } catch {
    throw new SecretsUnreadable(file, 'are not valid JSON')
  }
}

const isSecret = (value: unknown): value is string => typeof value === 'string' && value.length >= 32
