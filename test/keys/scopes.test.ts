import { describe, expect, test } from 'vitest'
import { grantedScopes, missingRights } from '../../src/keys/scopes.js'

describe('the rights that a key may use', () => {
  test.each([
    ['are all of its owner when it inherits', ['inherit'], ['a', 'b'], ['a', 'b']],
    ['are all of its owner when it inherits and names some', ['a', 'inherit'], ['a', 'b'], ['a', 'b']],
    ['are what it was given', ['b'], ['a', 'b'], ['b']],
    ['are not those that its owner lost', ['a', 'b'], ['b'], ['b']],
    ['are none when its owner has none', ['a', 'inherit'], [], []],
    ['are none when it was given none', [], ['a'], []],
  ])('%s', (_case, scopes, rights, granted) => {
    expect(grantedScopes(scopes, rights)).toEqual(granted)
  })
})

describe('an owner lacks', () => {
  test.each([
    ['nothing to give what they have', ['a'], ['a', 'b'], []],
    ['nothing to let a key inherit', ['inherit'], [], []],
    ['what they do not have', ['a', 'c', 'inherit'], ['a'], ['c']],
  ])('%s', (_case, scopes, rights, missing) => {
    expect(missingRights(scopes, rights)).toEqual(missing)
  })
})
