import { credentialHeaderNames } from './credential-headers.js'
import { nameOfCookie, tokenCookie } from './credentials.js'
import { foldHeaderName } from './header-names.js'
import type { PresentedForm, Via } from './types.js'

/** What a service says of the credential that a request to it was accepted with. */
export type ForwardAuthorization = 'none' | 'tokens' | 'all'

/** The only part of a request that presents a credential and yet goes on; null: none does. */
export type ForwardedCredential = 'authorization' | 'access_token' | null

/**
 * Decides what the service behind a gateway sees of the credential. A key's value and its secret open other services
 * too, so they go on only as `Basic`, and only to a service that asks for all; a token says for how long it serves.
 * @param form which one decided: `request.presented`
 * @param via what it was: `request.principal.via`
 */
export function decideForwarded(
  form: PresentedForm,
  via: Via,
  forward: ForwardAuthorization,
): ForwardedCredential {
  if (forward === 'none') return null
  switch (form) {
    case 'basic':
      return forward === 'all' ? 'authorization' : null
    case 'bearer':
      return via === 'api-key' ? null : 'authorization'
    case 'cookie':
      return 'access_token'
    case 'client-id':
    case 'prefixed-authorization':
    case 'prefixed-token':
    case 'x-api-key':
    case 'apikey':
    case 'query':
    case 'path':
    case 'link':
    case 'session':
      return null
    default:
      return form satisfies never
  }
}

export interface CredentialRemoverOptions {
  /** As `Otoroshi`. */
  headerPrefix: string
  /** How the names of this service's own cookies begin: none of them ever goes on. */
  ownCookies: readonly string[]
}

/** Headers by their names in small letters, as Node gives them. */
type Headers = Readonly<Record<string, string | string[] | undefined>>

/**
 * Makes a remover of everything that presents a credential, but for what is forwarded: what did not decide was not
 * verified, and the service might believe it. So does a name that some servers read as the same, as `X_API.Key` or the
 * cookie `Access.Token`.
 * `?api_key=` is not looked at: the guard takes it out of the URL of every request that it may come with.
 * @returns a function that gives other headers and leaves those that it is given
 */
export function createCredentialRemover({ headerPrefix, ownCookies }: CredentialRemoverOptions) {
  const names = new Set(credentialHeaderNames(headerPrefix))
  const lengths = new Set([...names].map(({ length }) => length))
  const ownStarts = ownCookies.map(foldHeaderName)
  const shortestName = Math.min(...[tokenCookie, ...ownCookies].map(({ length }) => length))

  return (
    headers: Headers,
    forwarded: ForwardedCredential,
  ): Record<string, string | string[] | undefined> => {
    const kept: Record<string, string | string[] | undefined> = {}
    for (const name in headers) {
      // Comparing lengths first spares a new name for every header of every request.
      const presents = lengths.has(name.length) && names.has(foldHeaderName(name))
      if (presents && (name !== 'authorization' || forwarded !== 'authorization')) continue
      const value = name === 'cookie' ? keepCookies(headers[name], forwarded) : headers[name]
      if (value !== undefined) kept[name] = value
    }
    return kept
  }

  function keepCookies(
    header: string | string[] | undefined,
    forwarded: ForwardedCredential,
  ): string | undefined {
    const cookies = (Array.isArray(header) ? header.join('; ') : (header ?? ''))
      .split(';')
      .map((cookie) => cookie.trim())
    const others = cookies.filter((cookie) => {
      if (cookie === '') return false
      // The one that decided has exactly this name.
      if (forwarded === 'access_token' && nameOfCookie(cookie) === tokenCookie) return true
      return !presentsCredential(cookie)
    })
    return others.length === 0 ? undefined : others.join('; ')
  }

  /** Old servers split cookies at commas too (RFC 2109 §4.4), so that a value may hold another cookie. */
  function presentsCredential(cookie: string): boolean {
    return cookie.includes(',') ? cookie.split(',').some(isOurs) : isOurs(cookie)
  }

  function isOurs(cookie: string): boolean {
    const name = nameOfCookie(cookie)
    // Most names are shorter, and cost no more than this.
    if (name.length < shortestName) return false
    const plain = foldCookieName(name)
    return plain === foldedTokenCookie || ownStarts.some((start) => plain.startsWith(start))
  }
}

/** Folds the name of a cookie as servers may: PHP decodes it and takes `.` and spaces for `_`, others drop its quotes. */
const foldCookieName = (name: string): string =>
  foldHeaderName(name.replace(escaped, decodeByte).replaceAll('"', '').trim())

const escaped = /%([0-9A-Fa-f]{2})/g
const decodeByte = (_escape: string, digits: string) => String.fromCharCode(Number.parseInt(digits, 16))
const foldedTokenCookie = foldHeaderName(tokenCookie)
