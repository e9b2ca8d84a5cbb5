import { expect, test } from 'vitest'
import { InvalidOptionError } from '../../src/client/index.js'
import { writeBody } from '../../src/client/write-body.js'

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0])(
  'a number that JSON cannot hold is not sent as another: %d',
  (number) => {
    expect(() => writeBody({ config: { a: [number] } })).toThrow(InvalidOptionError)
  },
)

test('anything else is sent as JSON', () => {
  expect(writeBody({ name: 'é', config: { a: [1.5, 0, null] }, note: undefined })).toBe(
    '{"name":"é","config":{"a":[1.5,0,null]}}',
  )
})
