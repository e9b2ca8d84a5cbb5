import { InvalidArgumentError } from 'commander'
import { expect, test } from 'vitest'
import { parseJsonObject, printJson, writeJson } from '../../src/cli/json.js'
import { createTerminal } from './terminal.js'

test('JSON does nothing to a terminal, and means the same', () => {
  const terminal = createTerminal()
  const document = {
    note: 'a\u001b]0;b\u007fc\u009b31md\u202ee\u200bf\u2028g\n',
    'tag\u{e0041}\u2066': ['Ålice 日本 👩'],
  }

  printJson(terminal, document)

  const text = terminal.out()
  expect(text).not.toMatch(/[^\n\P{Cc}]|[\p{Cf}\u2028\u2029]/u)
  expect(text).toContain('\\u009b31m')
  expect(text).toContain('Ålice 日本 👩')
  expect(JSON.parse(text)).toEqual(document)
})

test('JSON of a line is one', () => {
  expect(writeJson({ a: ['\n', '\u0085'] }, 0)).toBe('{"a":["\\n","\\u0085"]}')
})

test.each([
  '{"a":1e400}',
  '{"a":-0}',
  '{"a":9007199254740993}',
  '{"a":1,"a":2}',
  '{"__proto__":1}',
  '[]',
  '{',
])('an option that would not be sent as it is written is refused: %s', (text) => {
  expect(() => parseJsonObject(text)).toThrow(InvalidArgumentError)
})
