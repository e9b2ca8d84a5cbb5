import { describe, expect, test } from 'vitest'
import { readFacts } from '../../src/auth/claims.js'
import { everyRight, hasAllRights, hasRight } from '../../src/auth/rights.js'

describe('a right is held', () => {
  test.each([
    ['by whoever has it', ['read'], 'read', true],
    ['by whoever has every right', [everyRight], 'latchkey-admin', true],
    ['by nobody who has others', ['read', 'write'], 'delete', false],
    ['by nobody who has none', [], 'read', false],
  ])('%s', (_case, held, right, answer) => {
    expect(hasRight(held, right)).toBe(answer)
    expect(hasAllRights(held, [right])).toBe(answer)
  })

  test.each(['read*', '**', ' *', 'client:*', 'group:*', '%2A'])(
    'and "%s" is no other spelling of every right',
    (right) => {
      expect(hasRight([right], 'latchkey-admin')).toBe(false)
    },
  )

  test('only together with all the others that are asked for', () => {
    expect(hasAllRights(['a', 'b'], ['a', 'b'])).toBe(true)
    expect(hasAllRights(['a', 'b'], ['a', 'c'])).toBe(false)
    expect(hasAllRights(['a'], [])).toBe(true)
  })

  test('who asks for every right by name is not satisfied with some', () => {
    expect(hasRight(['a', 'b'], everyRight)).toBe(false)
  })
})

test('a role that would read as a group is left out and reported, of the realm and of a client', () => {
  const reported: string[] = []
  const claims = {
    sub: 'mallory-id',
    realm_access: { roles: ['group:/boss', 'group:', 'groups:/a', 'a-group:/b', '*', 'read'] },
    resource_access: {
      group: { roles: ['/boss', 'x'] },
      'group:/a': { roles: ['b'] },
      groups: { roles: ['c'] },
    },
    groups: ['/ops'],
  }

  const { rights } = readFacts(claims, [], (role) => reported.push(role))

  expect(rights).toEqual(['a-group:/b', 'group:/ops', 'groups:/a', 'groups:c', 'read'])
  expect(reported.sort()).toEqual(['*', 'group:', 'group:/a:b', 'group:/boss', 'group:/boss', 'group:x'])
})

test('a group stays when a role of the same name is left out', () => {
  const { rights } = readFacts({ sub: 'a', realm_access: { roles: ['group:/ops'] }, groups: ['/ops'] }, [])

  expect(rights).toEqual(['group:/ops'])
})

test('a realm role that is called as every right is dropped, and a client role or a group is none', () => {
  const { rights } = readFacts(
    {
      sub: 'mallory-id',
      realm_access: { roles: ['*', 'read'] },
      resource_access: { '*': { roles: ['*'] }, '': { roles: ['*'] } },
      groups: ['*', '/*'],
      roles: ['*'],
      scope: '*',
    },
    [],
  )

  expect(rights).toEqual(['*:*', ':*', 'group:*', 'group:/*', 'read'])
  expect(hasRight(rights, 'latchkey-admin')).toBe(false)
})
