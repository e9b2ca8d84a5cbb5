/** The headers that present credentials, as they were sent; undefined: not there. */
export interface CredentialHeaders {
  clientId: string | undefined
  clientSecret: string | undefined
  prefixedAuthorization: string | undefined
  prefixedToken: string | undefined
  apiKey: string | undefined
  authorization: string | undefined
  /** All lines of it as one: HTTP/2 sends a line for each cookie. */
  cookie: string | undefined
  /** The name of one that was sent twice. */
  repeated: string | undefined
}

/** How the headers of our own begin, unless somebody says otherwise. */
export const defaultHeaderPrefix = 'Otoroshi'

type Slot = Exclude<keyof CredentialHeaders, 'cookie' | 'repeated'>

interface Header {
  slot: Slot | 'cookie'
  name: string
  inSmallLetters: string
}

/**
 * Makes a reader of raw headers, since Node joins or drops repeated ones. This is what every request pays for, with a
 * credential or not: a name is looked at by its length and its first letter before anything is made of it.
 * @param headerPrefix as `Otoroshi`
 */
export function createHeaderReader(
  headerPrefix: string,
): (rawHeaders: readonly string[]) => CredentialHeaders {
  const byLength: Header[][] = []
  for (const header of knownHeaders(headerPrefix)) {
    while (byLength.length <= header.name.length) byLength.push([])
    byLength[header.name.length]?.push(header)
  }
  const maxLength = byLength.length - 1

  return (rawHeaders) => {
    const found: CredentialHeaders = {
      clientId: undefined,
      clientSecret: undefined,
      prefixedAuthorization: undefined,
      prefixedToken: undefined,
      apiKey: undefined,
      authorization: undefined,
      cookie: undefined,
      repeated: undefined,
    }
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const name = rawHeaders[at] as string
      if (name.length > maxLength) continue
      const header = findHeader(byLength[name.length] as Header[], name)
      if (header !== undefined) note(found, header, rawHeaders[at + 1] as string)
    }
    return found
  }
}

function findHeader(candidates: readonly Header[], name: string): Header | undefined {
  for (const candidate of candidates) {
    // `| 32` makes a letter a small one.
    if ((name.charCodeAt(0) | 32) !== candidate.inSmallLetters.charCodeAt(0)) continue
    if (name.toLowerCase() === candidate.inSmallLetters) return candidate
  }
  return undefined
}

function note(found: CredentialHeaders, { slot, name }: Header, value: string): void {
  if (slot === 'cookie') found.cookie = found.cookie === undefined ? value : `${found.cookie}; ${value}`
  else if (found[slot] === undefined) found[slot] = value
  else found.repeated ??= name
}

/** The headers that present nothing but credentials, in small letters. */
export const credentialHeaderNames = (headerPrefix: string): string[] =>
  knownHeaders(headerPrefix).flatMap(({ slot, inSmallLetters }) =>
    slot === 'cookie' ? [] : [inSmallLetters],
  )

function knownHeaders(headerPrefix: string): Header[] {
  const names: [Header['slot'], string][] = [
    ['clientId', `${headerPrefix}-Client-Id`],
    ['clientSecret', `${headerPrefix}-Client-Secret`],
    ['prefixedAuthorization', `${headerPrefix}-Authorization`],
    ['prefixedToken', `${headerPrefix}-Token`],
    ['apiKey', 'X-API-Key'],
    ['authorization', 'Authorization'],
    ['cookie', 'Cookie'],
  ]
  return names.map(([slot, name]) => ({ slot, name, inSmallLetters: name.toLowerCase() }))
}
