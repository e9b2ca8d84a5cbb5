import { expect, test } from 'vitest'
import { chooseKey, requireKeyId } from '../../src/cli/key-id.js'
import { createTerminal } from './terminal.js'

const secret = '3yPk0hQm5n2Qw8rT1sV7uX4zA6bC9dE0fG2hJ5kL8mN4HiJ2r'

test.each([
  ['a value with a character too few', `lk_Zk3vQ9aB_${secret.slice(1)}`],
  ['a value with a character too many', `lk_Zk3vQ9aB_${secret}x`],
  ['the secret alone', secret],
  ['a value of another shape', `LK_Zk3vQ9aB_${secret}`],
  ['a path', '../me'],
  ['dots', '..'],
  ['nothing', ''],
  ['too long an id', 'x'.repeat(65)],
  ['a colon without a secret', 'robot:'],
])('%s is no key, and is not quoted', (_what, text) => {
  expect(() => requireKeyId(text)).toThrow('that is neither the id of a key nor its whole value')
})

test.each([
  ['Zk3vQ9aB', 'Zk3vQ9aB'],
  [`lk_Zk3vQ9aB_${secret}`, 'Zk3vQ9aB'],
  [`acme2_Zk3vQ9aB_${secret}`, 'Zk3vQ9aB'],
  ['robot.of-the-lab:their:secret', 'robot.of-the-lab'],
  ['robot.of-the-lab', 'robot.of-the-lab'],
])('%s names the key %s', (text, id) => {
  expect(requireKeyId(text)).toBe(id)
})

test.each([
  [{ key: 'Zk3vQ9aB', valueFile: '-' }, 'not both'],
  [{ key: undefined }, 'which key?'],
])('%j does not say which key', async (choice, words) => {
  await expect(chooseKey(choice, createTerminal())).rejects.toMatchObject({
    exitCode: 64,
    message: expect.stringContaining(words),
  })
})

test('the key of a value in a file is found by its id', async () => {
  const terminal = createTerminal({ input: `lk_Zk3vQ9aB_${secret}\n` })

  expect(await chooseKey({ key: undefined, valueFile: '-' }, terminal)).toBe('Zk3vQ9aB')
})
