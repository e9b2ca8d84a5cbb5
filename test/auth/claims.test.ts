import { describe, expect, test } from 'vitest'
import { readFacts } from '../../src/auth/claims.js'

const wrong = ['a\u0000', '\ud800', 'x\udc00y']

describe('what no database keeps', () => {
  test.each(wrong)('counts as absent in a token: %j', (text) => {
    const facts = readFacts(
      {
        ...{ sub: 'alice-id', preferred_username: text, name: text, email: text },
        realm_access: { roles: ['read', text] },
        groups: ['/a', text],
        ...{ city: text, tags: ['a', text], nested: { [text]: 1 }, kept: { a: ['x'] } },
      },
      ['city', 'tags', 'nested', 'kept'],
    )

    expect(facts).toEqual({
      ...{ subject: 'alice-id', login: 'alice-id', name: null, email: null },
      rights: ['group:/a', 'read'],
      attributes: { kept: { a: ['x'] } },
    })
  })

  test('is a number that JavaScript made infinite too', () => {
    const claims = { sub: 'alice-id', ...JSON.parse('{"large":1e400,"list":[1e400],"fine":1e300}') }

    expect(readFacts(claims, ['large', 'list', 'fine']).attributes).toEqual({ fine: 1e300 })
  })
})
