import stringWidth from 'string-width'
import { expect, test } from 'vitest'
import { describeEnd, renderFacts, renderTable } from '../../src/cli/table.js'
import { createTerminal } from './terminal.js'

const columns = [{ title: 'Id' }, { title: 'Note', canShrink: true }, { title: 'Status' }]
const longNote = 'The nightly ingestion of everything that the satellites sent down'

const linesOf = (rows: string[][], width?: number) =>
  renderTable(columns, rows, createTerminal(width === undefined ? {} : { columns: width })).split('\n')

test('a table stands in columns, two spaces apart, with none at the ends of its lines', () => {
  expect(linesOf([['48e8f859', 'pipeline', 'active']])).toEqual([
    'Id        Note      Status',
    '48e8f859  pipeline  active',
  ])
  expect(linesOf([['1', '', '']])).toEqual(['Id  Note  Status', '1'])
})

test('wide and combining characters take the columns that a terminal gives them', () => {
  const lines = linesOf([
    ['1', '衛星 データ', 'active'],
    ['2', 'é́ 👩‍🚀', 'active'],
  ])

  expect(lines.map((line) => stringWidth(line.split(/ (?=Status|active)/)[0] ?? ''))).toEqual([16, 16, 16])
})

test('in a narrow terminal the widest column goes over several lines, and none is longer than the terminal', () => {
  const lines = linesOf([['48e8f859', 'The nightly ingestion of all bands', 'active']], 40)

  expect(lines).toEqual([
    'Id        Note                    Status',
    '48e8f859  The nightly ingestion   active',
    '          of all bands',
  ])
})

test('a terminal that says it has no columns gets lines of any width', () => {
  expect(linesOf([['48e8f859', longNote, 'active']], 0)[1]).toBe(`48e8f859  ${longNote}  active`)
})

test('what is too long for a few lines is cut', () => {
  const lines = linesOf([['48e8f859', longNote, 'active']], 10)

  expect(lines.slice(1)).toEqual([
    '48e8f859  The       active',
    '          nightly',
    '          ingestio',
    '          n of…',
  ])
})

test('a word that is longer than its column, and wide characters, are cut up between characters', () => {
  const lines = linesOf([['1', 'latchkey:catalog_read', 'x']], 22)
  const wide = linesOf([['1', '衛星衛星衛', 'x']], 21)

  expect(lines.slice(1)).toEqual(['1   latchkey:c  x', '    atalog_rea', '    d'])
  expect(wide.slice(1)).toEqual(['1   衛星衛星   x', '    衛'])
})

test('where stdout is no terminal each row is one line, and nothing is cut', () => {
  expect(linesOf([['48e8f859', longNote, 'active']])[1]).toContain(longNote)
})

test('nothing in a cell or a fact moves the cursor, breaks the line or turns the direction of writing', () => {
  const hostile = 'a\nb\t\u001B[2Jc\u009Bd\u202Ee\u2066f\u2028g\r\n'

  for (const text of [linesOf([['1', hostile, 'x']])[1], renderFacts({ note: hostile })]) {
    expect(text).toMatch(/a b \[2Jc d e f g/)
    expect(text).not.toMatch(/[\p{Cc}\p{Zl}\u202E\u2066]/u)
  }
})

test('facts stand below each other, and those that there are not are left out', () => {
  expect(renderFacts({ id: '1', 'last used': '-', note: undefined })).toBe('id         1\nlast used  -')
})

test.each([
  [null, 'never'],
  ['2026-11-21T10:00:01.400Z', '2026-11-21T10:00:01 UTC, in 1 second'],
  ['2026-11-21T10:00:00.000Z', '2026-11-21T10:00:00 UTC, which is past'],
  ['2026-11-21T12:00:00+01:00', '2026-11-21T11:00:00 UTC, in 60 minutes'],
])('the end %s is told as %s', (end, words) => {
  expect(describeEnd(end, Date.parse('2026-11-21T10:00:00Z'))).toBe(words)
})
