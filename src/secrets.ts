import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { JWK } from 'jose'

/** What the service makes for itself at its first start on the embedded database. */
export interface Secrets {
  sessionSecret: string
  /** Of this service's client at the embedded identity provider. */
  embeddedClientSecret: string
  /** Signs the tokens of the embedded identity provider. */
  signingKey: JWK
}

/**
 * Reads the secrets from `<dataDir>/secrets.json`, or makes them. The file is written whole or not at all, and
 * is for its owner's eyes only (0600).
 * @throws when the file is there but cannot be read: new secrets would end every session without a word
 */
export async function loadSecrets(dataDir: string, generateSigningKey: () => Promise<JWK>): Promise<Secrets> {
  const file = join(dataDir, 'secrets.json')
  const known = readSecrets(file)
  if (known !== null) return known
  const secrets: Secrets = {
    sessionSecret: randomBytes(32).toString('base64url'),
    embeddedClientSecret: randomBytes(32).toString('base64url'),
    signingKey: await generateSigningKey(),
  }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const unfinished = `${file}.${process.pid}`
  const descriptor = openSync(unfinished, 'w', 0o600)
  writeSync(descriptor, JSON.stringify(secrets))
  fsyncSync(descriptor)
  closeSync(descriptor)
  renameSync(unfinished, file)
  return secrets
}

function readSecrets(file: string): Secrets | null {
  try {
    const secrets: Partial<Secrets> = JSON.parse(readFileSync(file, 'utf8'))
    const { sessionSecret, embeddedClientSecret, signingKey } = secrets
    if (sessionSecret && embeddedClientSecret && signingKey)
      return { sessionSecret, embeddedClientSecret, signingKey }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new Error(`The secrets in ${file} cannot be read`, { cause: error })
  }
  throw new Error(`The secrets in ${file} are incomplete`)
}
