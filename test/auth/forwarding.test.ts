import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createCredentialRemover, decideForwarded } from '../../src/auth/forwarding.js'
import type { PresentedForm, Via } from '../../src/auth/types.js'

const levels = ['none', 'tokens', 'all'] as const

describe('what goes on to the service', () => {
  test.each<[string, PresentedForm, Via, (string | null)[]]>([
    ['Basic: where the service asks for all', 'basic', 'api-key', [null, null, 'authorization']],
    ['an OAuth2 token: with the tokens', 'bearer', 'oauth2', [null, 'authorization', 'authorization']],
    ['a key-signed JWT: with the tokens', 'bearer', 'key-jwt', [null, 'authorization', 'authorization']],
    ['a key-signed JWT in the cookie: so too', 'cookie', 'key-jwt', [null, 'access_token', 'access_token']],
    ["a key's value as Bearer: never", 'bearer', 'api-key', [null, null, null]],
    ['Client-Id and Client-Secret: never', 'client-id', 'api-key', [null, null, null]],
    ['Basic in the header of our own: never', 'prefixed-authorization', 'api-key', [null, null, null]],
    ['a JWT in the header of our own: never', 'prefixed-authorization', 'key-jwt', [null, null, null]],
    ['a JWT in -Token: never', 'prefixed-token', 'key-jwt', [null, null, null]],
    ['X-API-Key: never', 'x-api-key', 'api-key', [null, null, null]],
    ['Apikey: never', 'apikey', 'api-key', [null, null, null]],
    ['a key in the URL: never', 'query', 'api-key', [null, null, null]],
    ['a key in the path: never', 'path', 'api-key', [null, null, null]],
    ['a link: never', 'link', 'api-key', [null, null, null]],
    ['the session: never', 'session', 'session', [null, null, null]],
  ])('%s', (_case, form, via, expected) => {
    expect(levels.map((level) => decideForwarded(form, via, level))).toEqual(expected)
  })
})

const remove = createCredentialRemover({
  headerPrefix: 'Otoroshi',
  ownCookies: ['latchkey_session', 'latchkey_login_', '__Host-latchkey_'],
})

const credentials = {
  authorization: 'Bearer t',
  'x-api-key': 'lk_x',
  'otoroshi-client-id': 'i',
  'otoroshi-client-secret': 's',
  'otoroshi-authorization': 'Basic aTpz',
  'otoroshi-token': 't',
}

describe('without what presents a credential', () => {
  test('nothing of it goes on where nothing is forwarded', () => {
    const headers = { ...credentials, cookie: 'access_token=t', accept: '*/*' }

    expect(remove(headers, null)).toEqual({ accept: '*/*' })
  })

  test('an Authorization goes on alone', () => {
    const headers = { ...credentials, cookie: 'access_token=t' }

    expect(remove(headers, 'authorization')).toEqual({ authorization: 'Bearer t' })
  })

  test('the cookie goes on without any header', () => {
    const headers = { ...credentials, cookie: 'a=1; access_token=t' }

    expect(remove(headers, 'access_token')).toEqual({ cookie: 'a=1; access_token=t' })
  })

  test('names with underscores do not go on', () => {
    const headers = {
      x_api_key: 'lk_x',
      'x_api-key': 'lk_x',
      otoroshi_client_secret: 's',
      'otoroshi_client-id': 'i',
      otoroshi_token: 't',
    }

    expect(remove(headers, 'authorization')).toEqual({})
  })

  test('what only looks alike goes on', () => {
    const headers = {
      'x-api-keys': 'a',
      'otoroshi-tokens': 'b',
      'proxy-authorisation': 'c',
      authorizatiom: 'd',
    }

    expect(remove(headers, null)).toEqual(headers)
  })

  test('the headers that were given are left as they were', () => {
    const headers = { ...credentials }

    remove(headers, null)

    expect(headers).toEqual(credentials)
  })

  test('the prefix of the headers may be another', () => {
    const another = createCredentialRemover({ headerPrefix: 'X-Gate', ownCookies: [] })
    const headers = { 'x-gate-token': 't', x_gate_client_secret: 's', 'otoroshi-token': 'of a service' }

    expect(another(headers, null)).toEqual({ 'otoroshi-token': 'of a service' })
  })
})

describe('of the cookies', () => {
  test.each([
    ['others stay as they are', 'a=1; b="x y"; c', null, 'a=1; b="x y"; c'],
    ['access_token goes', 'a=1; access_token=t; b=2', null, 'a=1; b=2'],
    ['access_token goes beside a forwarded header', 'a=1;access_token=t', 'authorization', 'a=1'],
    ['access_token goes however it is spaced', 'access_token =t;  access_token= u', null, undefined],
    ['an access_token without a value goes', 'access_token', null, undefined],
    [
      'those of similar names stay',
      'access_tokens=1; xaccess_token=2',
      null,
      'access_tokens=1; xaccess_token=2',
    ],
    ['the session never goes on', 'latchkey_session=s; access_token=t', 'access_token', 'access_token=t'],
    ['nor a login under way', 'latchkey_login_abc=s; __Host-latchkey_login_x=1; a=1', null, 'a=1'],
    ['nor the session of a site with TLS', '__Host-latchkey_session=s', 'access_token', undefined],
    ['nor another spelling of it', 'Latchkey.Session=s; latchkey%5Flogin_a=s; a=1', null, 'a=1'],
    ['nor one behind a comma', 'a=1,latchkey_session=s; b=2', 'access_token', 'b=2'],
    [
      'beside the token that decided no other spelling goes on',
      'Access_Token=u; access_token=t; access.token=v',
      'access_token',
      'access_token=t',
    ],
  ] as const)('%s', (_case, cookie, forwarded, expected) => {
    expect(remove({ cookie }, forwarded).cookie).toBe(expected)
  })
})

describe('a cookie that some server reads as access_token', () => {
  test.each([
    'Access_Token=t',
    'ACCESS_TOKEN=t',
    'access.token=t',
    'access token=t',
    'access-token=t',
    'access%5Ftoken=t',
    'access%5ftoken=t',
    '%61ccess_token=t',
    '%20access_token=t',
    '"access_token"=t',
    '%22access_token%22=t',
    'x=1,access_token=t',
    'x=1, Access.Token=t',
    'x=1,y,access_token',
  ])('does not go on: %s', (cookie) => {
    for (const forwarded of [null, 'authorization', 'access_token'] as const) {
      expect(remove({ cookie: `a=1; ${cookie}; b=2` }, forwarded).cookie).toBe('a=1; b=2')
    }
  })

  test.each([
    'access__token=t',
    'accesstoken=t',
    'access_token_type=t',
    'x=access_token',
    'x="1,2"',
    'access%255Ftoken=t',
    '%E0%A4%A=1',
    'x=%2Caccess_token',
  ])('is none of these, which go on: %s', (cookie) => {
    expect(remove({ cookie }, null).cookie).toBe(cookie)
  })
})

test('whatever is sent, no secret of a credential that did not decide goes on', () => {
  const name = fc.constantFrom(...Object.keys(credentials), 'x_api_key', 'otoroshi_token', 'cookie', 'accept')
  const cookie = fc.constantFrom(
    'access_token=SECRET',
    ' access_token=SECRET',
    'latchkey_session=SECRET',
    'Access.Token=SECRET',
    'b=2,access%5Ftoken=SECRET',
    'a=1',
  )
  const cookies = fc.array(cookie).map((all) => all.join(';'))
  const headers = fc
    .array(fc.tuple(name, cookies))
    .map((all) => Object.fromEntries(all.map(([of, text]) => [of, of === 'cookie' ? text : `${of}-value`])))
  fc.assert(
    fc.property(headers, fc.constantFrom(null, 'authorization' as const), (sent, forwarded) => {
      const rest = remove(sent, forwarded)

      expect(JSON.stringify(rest)).not.toContain('SECRET')
      expect(Object.keys(rest).filter((each) => !['cookie', 'accept'].includes(each))).toEqual(
        forwarded === 'authorization' && 'authorization' in sent ? ['authorization'] : [],
      )
    }),
  )
})
