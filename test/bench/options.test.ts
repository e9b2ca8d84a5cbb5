import { expect, test } from 'vitest'
import { readOptions, WrongOption } from '../../bench/options.js'

const parts = ['hook', 'memory']
const read = (...args: string[]) => readOptions(args, parts)

test('a plain run measures everything and keeps it', () => {
  expect(read()).toEqual({
    kind: 'run',
    parts,
    amounts: { blocks: 4, rounds: 4, requests: 8000, keys: [100, 10_000, 1_000_000] },
    checks: false,
    writes: true,
  })
})

test('parts can be chosen, and are kept beside the last results of the others', () => {
  expect(read('--only', 'memory', '--check')).toMatchObject({ parts: ['memory'], checks: true, writes: true })
})

test.each([
  ['--blocks', '1'],
  ['--rounds', '2'],
  ['--requests', '2000'],
  ['--keys', '100,10000'],
])('a look with %s %s is kept only when that is asked for', (...look) => {
  expect(read(...look)).toMatchObject({ writes: false })
  expect(read(...look, '--write')).toMatchObject({ writes: true })
})

test('asked for help it tells every option, and measures nothing', () => {
  const asked = read('--help', '--blocks', '1')

  if (asked.kind !== 'help') throw new Error('It would run')
  for (const option of ['only', 'check', 'blocks', 'rounds', 'requests', 'keys', 'write']) {
    expect(asked.text).toContain(`  --${option} `)
  }
  expect(asked.text).toContain('hook,memory')
})

test.each([
  [['--nothing'], "Unknown option '--nothing'; --help tells the options"],
  [['--only', 'hooks'], 'There is no part hooks, only hook, memory'],
  [['--only', ''], 'There is no part , only hook, memory'],
  [['--blocks', '0'], '--blocks takes whole numbers from 1 on'],
  [['--rounds', '1.5'], '--rounds takes whole numbers from 1 on'],
  [['--requests', 'many'], '--requests takes whole numbers from 1 on'],
  [['--keys', '100,,200'], '--keys takes whole numbers from 1 on'],
  [['--keys', '1000,100'], '--keys goes from few to many'],
])('%j is refused in one sentence', (args, sentence) => {
  expect(() => read(...args)).toThrow(new WrongOption(sentence))
})

test('another command has a name and a number of keys of its own', () => {
  const command = { name: 'npm run bench:gateway', keys: '10000' }

  const help = readOptions(['--help'], parts, command)

  expect(readOptions([], parts, command)).toMatchObject({ amounts: { keys: [10_000] }, writes: true })
  expect(readOptions(['--keys', '100,10000,1000000'], parts, command)).toMatchObject({ writes: false })
  expect(help).toMatchObject({ text: expect.stringContaining('npm run bench:gateway -- [options]') })
  expect(JSON.stringify(help)).not.toContain('1000000')
})
