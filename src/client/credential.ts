import { readVariable } from './environment.js'
import { InvalidOptionError } from './errors.js'

/** What presents the caller: a key, or an OAuth2 token that is asked for before each try. */
export type Credential = { apiKey: string } | { token: string | (() => string | Promise<string>) } | null

export interface CredentialOptions {
  /** Default: `LATCHKEY_API_KEY` of the environment, unless there is a token. Null: none. */
  apiKey?: string | null
  /** An OAuth2 access token, or what gives one before each try. */
  token?: string | (() => string | Promise<string>)
}

/** @throws InvalidOptionError for a key and a token at once, and for what cannot stand in a header; it never tells the value */
export function chooseCredential({ apiKey, token }: CredentialOptions): Credential {
  if (token !== undefined) {
    if (typeof apiKey === 'string')
      throw new InvalidOptionError('Latchkey takes an apiKey or a token, not both')
    return { token: typeof token === 'string' ? requireHeaderText(token, 'token') : token }
  }
  const key = apiKey === undefined ? readVariable('LATCHKEY_API_KEY') : apiKey
  return key === undefined || key === null ? null : { apiKey: requireHeaderText(key, 'apiKey') }
}

/** The header that presents it. @throws what the source of tokens throws */
export async function presentCredential(credential: Credential): Promise<Record<string, string>> {
  if (credential === null) return {}
  if ('apiKey' in credential) return { 'x-api-key': credential.apiKey }
  const { token } = credential
  const text = typeof token === 'string' ? token : requireHeaderText(await token(), 'token')
  return { authorization: `Bearer ${text}` }
}

/** Without the line end of the file that it was read from. */
function requireHeaderText(text: string, name: string): string {
  const trimmed = text.trim()
  // `Headers` would refuse it too, with an error that holds it.
  if (!/^[\x20-\x7E]+$/.test(trimmed))
    throw new InvalidOptionError(`The ${name} is empty, or holds what no header may`)
  return trimmed
}
