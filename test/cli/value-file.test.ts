import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readValueFile } from '../../src/cli/value-file.js'
import { createTerminal } from './terminal.js'

const folder = mkdtempSync(join(tmpdir(), 'latchkey-value-'))
afterAll(() => rmSync(folder, { recursive: true }))

const readStdin = (input: string | Buffer) => readValueFile('-', createTerminal({ input }))
const largest = 'x'.repeat(4096)

test.each([
  ['', 'is empty'],
  ['\n', 'is empty'],
  ['\r\n', 'is empty'],
  ['one\ntwo', 'has more than one line'],
  ['one\n\n', 'has more than one line'],
  ['\none', 'has more than one line'],
  ['one\rtwo', 'has more than one line'],
  [`${largest}x`, 'has more than 4 KB'],
  [`${largest}xx\n`, 'has more than 4 KB'],
  ['é'.repeat(2049), 'has more than 4 KB'],
  [Buffer.from('lk_', 'utf16le'), 'holds a control character'],
  [Buffer.from('\uFEFFlk_', 'utf16le'), 'is no text in UTF-8'],
])('stdin that holds %j is refused', async (input, fault) => {
  await expect(readStdin(input)).rejects.toMatchObject({
    exitCode: 64,
    message: `what --value-file names ${fault}`,
  })
})

test('a file that is not there is told without its name, which may be a value that stands in the wrong place', async () => {
  const reading = readValueFile(join(folder, 'lk_not_there'), createTerminal())

  await expect(reading).rejects.toMatchObject({
    exitCode: 73,
    message: 'what --value-file names cannot be read: ENOENT',
  })
})

test('input without an end is read no further than a value may be long', async () => {
  await expect(readValueFile('/dev/zero', createTerminal())).rejects.toMatchObject({ exitCode: 64 })
})

test.each(['value', 'value\n', 'value\r\n', '\uFEFFvalue\r\n'])('%j is the value', async (text) => {
  expect(await readStdin(text)).toBe('value')
})

test('of the spaces in a value none is taken away', async () => {
  expect(await readStdin(' a b \n')).toBe(' a b ')
})

test('the largest value is read, from a file as from stdin', async () => {
  const file = join(folder, 'value')
  writeFileSync(file, `${largest}\r\n`)

  expect(await readValueFile(file, createTerminal())).toBe(largest)
  expect(await readStdin(`${largest}\n`)).toBe(largest)
})
