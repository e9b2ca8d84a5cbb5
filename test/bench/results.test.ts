import { expect, test } from 'vitest'
import { microsBetween } from '../../bench/database-cpu.js'
import { renderPlot } from '../../bench/plot.js'
import { findMiss, renderTable } from '../../bench/section.js'
import { median, pairedRatios, quantile } from '../../bench/statistics.js'

test('a target is missed by what lies above it, and by what could not be measured', () => {
  expect(findMiss('Bytes', 601, 600)).toHaveLength(1)
  expect(findMiss('Bytes', Number.NaN, 600)).toHaveLength(1)
  expect(findMiss('Bytes', 600, 600)).toEqual([])
  expect(findMiss('Bytes', 601, undefined)).toEqual([])
})

test('a ratio is taken within a round, so a round that was slow for all changes nothing', () => {
  const ratios = pairedRatios([2, 40, 3], [1, 20, 1])

  expect(ratios).toEqual([2, 2, 3])
  expect(median(ratios)).toBe(2)
  expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5)
  expect(median([])).toBeNaN()
})

test('the CPU time of a database is that of all its processes, of new ones from their start', () => {
  const before = new Map([
    [1, 100],
    [2, 50],
  ])
  const after = new Map([
    [1, 130],
    [3, 20],
  ])

  expect(microsBetween(before, after)).toBe(50)
})

test('a section is a table whose numbers stand to the right', () => {
  const text = renderTable({
    heading: 'Memory',
    setup: '',
    head: ['', 'bytes'],
    rows: [['a key', '321']],
    misses: [],
  })

  expect(text).toBe('|  | bytes |\n| --- | ---: |\n| a key | 321 |\n')
})

test('the plot tells each bar in words too, and lets no label be markup', () => {
  const plot = renderPlot([
    { label: 'bare <route>', value: 1, isOurs: false },
    { label: '`Latchkey`, key', value: 1.13, isOurs: true },
    { label: 'slow', value: 40, isOurs: false },
  ])

  expect(plot).toContain('bare &lt;route&gt; 1.00; Latchkey, key 1.13; slow 40</title>')
  expect(plot).not.toContain('<route>')
  expect(plot).not.toMatch(/NaN|undefined|`/)
})

test('a longer bar costs more, and ten times as much is as far again', () => {
  const lengths = [...renderPlot([1, 10, 100].map(aBar)).matchAll(/class="other".* width="([\d.]+)"/g)].map(
    ([, length]) => Number(length),
  )

  const [one = 0, ten = 0, hundred = 0] = lengths
  expect(one).toBeLessThan(5)
  expect(hundred / ten).toBeCloseTo(2, 2)
})

const aBar = (value: number) => ({ label: `${value}`, value, isOurs: false })
