import { expect, test } from 'vitest'
import { runCommand } from '../e2e/support/command.js'
import { reportFigures } from './support/report.js'

test('nine in ten changes of what decides who gets in are noticed by a test', async () => {
  // It fails by itself under 90 %, and tells then what nobody noticed.
  const found = await runCommand('npm', ['run', '--silent', 'test:mutation'])

  const scores = [...found.matchAll(/^ *(All files|[\w-]+\.ts) *\| *([\d.]+) \|/gm)]
  expect(scores.length).toBeGreaterThan(0)
  reportFigures(
    'mutation scores',
    scores.map(([, file, score]) => `${file} ${score} %`),
  )
})
