import fc from 'fast-check'
import type { Arsenal } from './credential-arsenal.js'

/** One request that must not be let in. */
export interface Attempt {
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  /** In the order in which they are sent; a name may come twice. */
  headers: [name: string, value: string][]
  /** What of it would be a find for whoever reads an answer or a log. */
  secrets: string[]
}

/** What a header can carry: no control characters but the tab, and nothing beyond Latin-1. */
const headerText = fc
  .array(
    fc.oneof(fc.integer({ min: 0x20, max: 0x7e }), fc.integer({ min: 0x80, max: 0xff }), fc.constant(9)),
    {
      maxLength: 80,
    },
  )
  .map((codes) => String.fromCharCode(...codes))
const nearby = fc.constantFrom(...'0129AZaz_-.~ \t"%\u00a0\u00ff')

/** The change of a text that is nearest to leaving it as it is. */
const mutation: fc.Arbitrary<(text: string) => string> = fc.oneof(
  fc
    .tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), nearby)
    .chain(([share, character]) =>
      fc.constantFrom(
        (text: string) => replaceAt(text, share, character),
        (text: string) => insertAt(text, share, character),
        (text: string) => text.slice(0, Math.floor(share * text.length)),
        (text: string) => text.slice(Math.ceil(share * text.length)),
        (text: string) => replaceAt(text, share, ''),
        (text: string) => swapAt(text, share),
        (text: string) => flipCaseAt(text, share),
      ),
    ),
  fc.constantFrom(
    (text: string) => text + text,
    (text: string) => `${text} ${text}`,
    (text: string) => `${text},${text}`,
    (text: string) => text.toUpperCase(),
    (text: string) => text.toLowerCase(),
    (text: string) => `"${text}"`,
    (text: string) => `${text}=`,
    (text: string) => `${text}\u0085`,
    (text: string) => encodeURIComponent(`${text}%`),
    (text: string) => Buffer.from(text).toString('base64'),
    (text: string) => [...text].reverse().join(''),
    (text: string) => text.replaceAll('_', '-'),
    () => '',
  ),
)
const indexAt = (text: string, share: number) => Math.floor(share * text.length)
const replaceAt = (text: string, share: number, other: string) => {
  const at = indexAt(text, share)
  return text.slice(0, at) + other + text.slice(at + 1)
}
const insertAt = (text: string, share: number, other: string) => {
  const at = indexAt(text, share)
  return text.slice(0, at) + other + text.slice(at)
}
const swapAt = (text: string, share: number) => {
  const at = indexAt(text, share)
  return text.slice(0, at) + (text[at + 1] ?? '') + (text[at] ?? '') + text.slice(at + 2)
}
const flipCaseAt = (text: string, share: number) => {
  const letter = text[indexAt(text, share)] ?? ''
  const other = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()
  return replaceAt(text, share, other)
}

const mutated = (text: string, isSame: (changed: string) => boolean) =>
  mutation.map((change) => change(text)).filter((changed) => !isSame(changed))

/** What is no working key, most of it nearly one. */
export function aWrongValue({ good, wrongValues }: Arsenal): fc.Arbitrary<string> {
  const goodKeys = [good.key, good.otherKey, good.imported]
  // White space around a value is not part of it.
  const isGood = (text: string) => goodKeys.includes(text.trim())
  return fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...goodKeys).chain((value) => mutated(value, isGood)) },
    { weight: 2, arbitrary: fc.constantFrom(...wrongValues) },
    { weight: 2, arbitrary: fc.constantFrom(...wrongValues).chain((value) => mutated(value, isGood)) },
    { weight: 1, arbitrary: fc.constantFrom(good.token, '', 'undefined', 'null', 'lk_', '*') },
    { weight: 2, arbitrary: headerText },
  )
}

/** Attempts of every kind: each form of presenting, with values that are wrong in every way, alone and mixed. */
export function anAttempt(arsenal: Arsenal): fc.Arbitrary<Attempt> {
  const { good, wrongTokens, wrongKeyTokens } = arsenal
  const goodKeys = [good.key, good.otherKey, good.imported]
  const isGoodKey = (text: string) => goodKeys.includes(text.trim())
  const isGoodToken = (text: string) =>
    isSameToken(text.trim(), good.token) || isSameToken(text.trim(), good.keyToken)

  const key = aWrongValue(arsenal)
  const token = fc.oneof(
    { weight: 4, arbitrary: mutated(good.token, isGoodToken) },
    { weight: 3, arbitrary: fc.constantFrom(...wrongTokens) },
    { weight: 2, arbitrary: fc.constantFrom(...wrongTokens).chain((one) => mutated(one, isGoodToken)) },
    { weight: 1, arbitrary: headerText },
  )
  const keyToken = fc.oneof(
    { weight: 4, arbitrary: mutated(good.keyToken, isGoodToken) },
    { weight: 3, arbitrary: fc.constantFrom(...wrongKeyTokens) },
    { weight: 2, arbitrary: fc.constantFrom(...wrongKeyTokens).chain((one) => mutated(one, isGoodToken)) },
    // Good elsewhere.
    { weight: 1, arbitrary: fc.constant(good.token) },
  )
  /** A token is as wrong in place of a key as a key is elsewhere, but good as what it is. */
  const notGood = (text: fc.Arbitrary<string>) => text.filter((one) => !isGoodKey(one) && !isGoodToken(one))
  const scheme = (name: string) =>
    fc
      .tuple(fc.constantFrom(name, name.toLowerCase(), name.toUpperCase()), fc.constantFrom(' ', '  ', ' \t'))
      .map((parts) => parts.join(''))

  const apiKeyHeader = header(fc.constantFrom('X-API-Key', 'x-api-key', 'X-Api-KEY'), key)
  const apiKeyScheme = header(fc.constant('Authorization'), joined(scheme('Apikey'), key))
  const bearerScheme = header(
    fc.constant('authorization'),
    joined(scheme('Bearer'), notGood(fc.oneof(token, keyToken, key))),
  )
  const basic = fc.oneof(
    fc.tuple(fc.constantFrom('user', 'lk', ''), key).map((pair) => base64(pair.join(':'))),
    aWrongPair(arsenal, isGoodKey).map((pair) => base64(pair.join(':'))),
  )
  const basicScheme = header(fc.constant('Authorization'), joined(scheme('Basic'), basic))
  const ownAuthorization = header(
    fc.constantFrom('Otoroshi-Authorization', 'otoroshi-authorization'),
    fc.oneof(basic, joined(scheme('Basic'), basic), joined(scheme('Bearer'), keyToken)),
  )
  const ownToken = header(
    fc.constantFrom('Otoroshi-Token', 'OTOROSHI-TOKEN'),
    fc.oneof(keyToken, joined(scheme('Bearer'), keyToken)),
  )
  /** Forms that are looked at before any other, so that what comes beside them must not help. */
  const deciding = fc.oneof(
    ...[apiKeyHeader, apiKeyScheme, bearerScheme, basicScheme, ownAuthorization, ownToken],
  )
  const clientHeaders = aWrongPair(arsenal, isGoodKey).map(([id, secret]): [string, string][] => [
    ['Otoroshi-Client-Id', id],
    ['Otoroshi-Client-Secret', secret],
  ])
  const elsewhere = fc.oneof(
    header(fc.constant('Authorization'), headerText),
    header(fc.constantFrom('Otoroshi-Client-Id', 'Otoroshi-Client-Secret'), key),
    header(fc.constantFrom('X_API_KEY', 'Api-Key', 'Proxy-Authorization', 'Latchkey-Subject'), key),
    // A good one too: this service reads it nowhere.
    header(
      fc.constant('Cookie'),
      aCookie(good.session, fc.oneof(token, keyToken, fc.constant(good.keyToken)), key),
    ),
  )
  const goodOnes = fc.constantFrom<[string, string][]>(
    ['Cookie', good.session],
    ['Authorization', `Bearer ${good.token}`],
    ['Authorization', `Apikey ${good.otherKey}`],
    ['Authorization', `Basic ${base64(good.imported)}`],
    ['Authorization', `Bearer ${good.keyToken}`],
  )

  const alone = fc.oneof(deciding, elsewhere).map((one) => [one])
  /** A refused one never falls through to a good one. */
  const refusedFirst = fc
    .tuple(apiKeyHeader, goodOnes)
    .chain((pair) => fc.shuffledSubarray(pair, { minLength: 2 }))
  const ownFirst = fc
    .tuple(
      fc.oneof(
        clientHeaders,
        ownAuthorization.map((one) => [one]),
        ownToken.map((one) => [one]),
      ),
      goodOnes,
    )
    .map(([own, other]): [string, string][] => [...own, other])
  const beforeSession = deciding.map((one): [string, string][] => [one, ['Cookie', good.session]])
  const repeated = fc
    .constantFrom<[string, string]>(['X-API-Key', good.key], ['Authorization', `Bearer ${good.token}`])
    .chain(([name, value]) =>
      fc.tuple(fc.oneof(key, fc.constant(value)), fc.boolean()).map(([other, isFirst]) => {
        const second: [string, string] = [name.toLowerCase(), other]
        return isFirst
          ? [second, [name, value] as [string, string]]
          : [[name, value] as [string, string], second]
      }),
    )
  const many = fc.array(elsewhere, { minLength: 2, maxLength: 5 }).map(withoutRepeats)

  const headers = fc.oneof(
    { weight: 5, arbitrary: alone },
    { weight: 1, arbitrary: clientHeaders },
    { weight: 1, arbitrary: ownFirst },
    { weight: 1, arbitrary: refusedFirst },
    { weight: 1, arbitrary: beforeSession },
    { weight: 1, arbitrary: repeated },
    { weight: 1, arbitrary: many },
  )
  const place = fc.constantFrom<[Attempt['method'], string][]>(
    ['GET', '/me'],
    ['GET', '/api-keys'],
    ['POST', '/api-keys'],
    ['DELETE', '/api-keys/unknown'],
    ['GET', '/catalog/collections'],
    ['POST', '/catalog/search'],
  )
  const secrets = (texts: string[]) =>
    [...goodKeys, good.token, good.session.split('=')[1] ?? '', ...texts].filter((text) => text.length >= 24)

  const inHeaders = fc.tuple(place, headers).map(([[method, path], sent]): Attempt => {
    const presented = sent.flatMap(([, value]) => value.split(/[ ,;=]+/))
    return { method, path, headers: sent, secrets: secrets(presented.filter(looksSecret)) }
  })
  const inUrl = fc
    .tuple(
      fc.constantFrom('/catalog/collections', '/catalog', '/me'),
      fc.constantFrom('api_key', 'api-key', 'api%5Fkey', 'api%2Dkey', 'API_KEY', 'apikey', 'access_token'),
      key,
      fc.constantFrom('', `&api_key=${good.key}`, `&api-key=${good.otherKey}`, '&api_key=', '&x=1'),
    )
    .filter(([path, name, , rest]) => path === '/me' || rest === '' || rest === '&x=1' || isRead(name))
    .map(([path, name, value, rest]): Attempt => {
      const url = `${path}?${name}=${encodeURIComponent(value)}${rest}`
      return { method: 'GET', path: url, headers: [], secrets: secrets([value].filter(looksSecret)) }
    })
  return fc.oneof({ weight: 4, arbitrary: inHeaders }, { weight: 1, arbitrary: inUrl })
}

/** An id and a secret that nearly belong together. */
function aWrongPair({ good }: Arsenal, isGoodKey: (text: string) => boolean): fc.Arbitrary<[string, string]> {
  const [importedId = '', importedSecret = ''] = good.imported.split(':')
  const ownId = good.key.slice(3, 11)
  const ids = [importedId, ownId, good.otherKey.slice(3, 11), '', 'lk']
  const secrets = [importedSecret, good.key.slice(12), good.otherKey, '', 'x']
  const goodPairs = [
    ...[good.key, good.otherKey].flatMap((value) => {
      const id = value.slice(3, 11)
      return [`${id}:${value}`, `${id}:${value.slice(12)}`]
    }),
    good.imported,
  ]
  const text = (texts: string[]) =>
    fc.oneof(
      fc.constantFrom(...texts),
      fc.constantFrom(...texts).chain((one) => mutated(one, (changed) => changed === one)),
    )
  return fc.tuple(text(ids), text(secrets)).filter((pair) => {
    const [id, secret] = pair.map((one) => one.trim())
    // As it is read: up to the first colon is the id.
    return (
      !goodPairs.includes(`${id}:${secret}`) && !goodPairs.includes(pair.join(':')) && !isGoodKey(`${id}`)
    )
  })
}

const isRead = (name: string) => /^api(_|-|%5F|%2D)key$/.test(name)
const looksSecret = (text: string) => /^[\w.~+/-]{24,}$/.test(text)
const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64')

const header = (name: fc.Arbitrary<string>, value: fc.Arbitrary<string>) =>
  fc.tuple(name, value) as fc.Arbitrary<[string, string]>
const joined = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((texts) => texts.join(''))
const withoutRepeats = (headers: [string, string][]) => [
  ...new Map(headers.map((one) => [one[0].toLowerCase(), one])).values(),
]

function aCookie(session: string, token: fc.Arbitrary<string>, key: fc.Arbitrary<string>) {
  const [name = '', value = ''] = session.split('=')
  // A cookie is decoded before it is compared, and may stand in quotes.
  const isSame = (changed: string) => unquote(decodeLeniently(changed)) === decodeLeniently(value)
  const clean = (text: string) => text.replaceAll(/[;,\s"]/g, '')
  return fc.oneof(
    mutated(value, isSame)
      .map(clean)
      .filter((changed) => !isSame(changed))
      .map((changed) => `${name}=${changed}`),
    fc.constantFrom(`__Host-${session}`, `${name}=`, `${name}x=${value}`, `x${session}`, `$Version=1`),
    headerText.map((text) => `${name}=${clean(text)}`).filter((cookie) => cookie !== session),
    token.map((jwt) => `access_token=${clean(jwt)}`),
    key.map((one) => `api_key=${clean(one)}; apikey=${clean(one)}`),
  )
}

const unquote = (text: string) => text.replace(/^"(.*)"$/, '$1')
function decodeLeniently(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Base64 has several spellings of one signature: the same token then, whoever wrote it. */
function isSameToken(one: string, other: string): boolean {
  const [header, payload, signature = '', ...rest] = one.split('.')
  const [otherHeader, otherPayload, otherSignature = ''] = other.split('.')
  const bytes = (text: string) => Buffer.from(text, 'base64url')
  return (
    header === otherHeader &&
    payload === otherPayload &&
    rest.length === 0 &&
    bytes(signature).equals(bytes(otherSignature))
  )
}
