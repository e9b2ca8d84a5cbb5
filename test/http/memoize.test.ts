import { expect, test } from 'vitest'
import { memoizeByText } from '../../src/http/memoize.js'

test('each text is made once, and another text again', () => {
  const made: object[] = []
  const find = memoizeByText((input: object) => made.push(input))

  const [one, same, other] = [find({ type: 'string' }), find({ type: 'string' }), find({ type: 'number' })]

  expect([one, same, other]).toEqual([1, 1, 2])
  expect(made).toEqual([{ type: 'string' }, { type: 'number' }])
})

test('what is left out of the name makes no difference', () => {
  const find = memoizeByText(
    ({ schema }: { schema: string; url: string }) => [schema],
    ({ schema }) => schema,
  )

  expect(find({ schema: 'a', url: '/1' })).toBe(find({ schema: 'a', url: '/2' }))
})

test('a failure is not remembered', () => {
  let fails = true
  const find = memoizeByText((input: string) => {
    if (fails) throw new Error('not yet')
    return input
  })
  expect(() => find('a')).toThrow('not yet')

  fails = false

  expect(find('a')).toBe('a')
})
