import { describe, expect, test } from 'vitest'
import { findScopeFaults, grantedScopes, isScope, missingRights } from '../../src/keys/scopes.js'

describe('the rights that a key may use', () => {
  test.each([
    ['are all of its owner when it inherits', ['inherit'], ['a', 'b'], ['a', 'b']],
    ['are all of its owner when it inherits and names some', ['a', 'inherit'], ['a', 'b'], ['a', 'b']],
    ['are what it was given', ['b'], ['a', 'b'], ['b']],
    ['are not those that its owner lost', ['a', 'b'], ['b'], ['b']],
    ['are none when its owner has none', ['a', 'inherit'], [], []],
    ['are what it was given, of an owner who has every right', ['a', 'b'], ['*'], ['a', 'b']],
    ['are every right where its owner has that and it inherits', ['inherit'], ['*'], ['*']],
    ['are never every right where its owner has not', ['*', 'a'], ['a'], ['a']],
    ['are none when it was given none', [], ['a'], []],
  ])('%s', (_case, scopes, rights, granted) => {
    expect(grantedScopes(scopes, rights)).toEqual(granted)
  })
})

test.each([
  ['a role', true],
  ['group:/path/to', true],
  ['', false],
  ['two\nlines', false],
  ['x'.repeat(255), true],
  ['x'.repeat(256), false],
])('%j can be named as a scope: %s', (right, expected) => {
  expect(isScope(right)).toBe(expected)
})

describe('an owner lacks', () => {
  test.each([
    ['nothing to give what they have', ['a'], ['a', 'b'], []],
    ['nothing to let a key inherit', ['inherit'], [], []],
    ['nothing to give, who has every right', ['a', 'inherit'], ['*'], []],
    ['every right, who has only some', ['*'], ['a', 'b'], ['*']],
    ['what they do not have', ['a', 'c', 'inherit'], ['a'], ['c']],
  ])('%s', (_case, scopes, rights, missing) => {
    expect(missingRights(scopes, rights)).toEqual(missing)
  })
})

describe('the scopes that a key shall have', () => {
  test.each([[[]], [['a', 'b']], [['inherit']]])('may be %j', (scopes) => {
    expect(findScopeFaults(scopes)).toEqual([])
  })

  test.each([
    [['a', '*'], 'must name rights: * is none that can be given'],
    [['inherit', '*'], 'must name rights: * is none that can be given'],
    [['inherit', 'a'], 'must be ["inherit"] alone, or name rights without it'],
  ])('may not be %j', (scopes, message) => {
    expect(findScopeFaults(scopes)).toEqual([{ path: 'scopes', message }])
  })
})
