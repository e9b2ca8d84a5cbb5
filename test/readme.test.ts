import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { settings } from '../src/config.js'
import { problemKinds } from '../src/errors.js'

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), 'utf8')
const readme = read('README.md')
const example = read('.env.example')

interface Described {
  default?: unknown
  description?: string
}

const defaultOf = (setting: Described) =>
  setting.default === undefined ? '' : `\`${String(setting.default)}\``

function tableBelow(heading: string): string[] {
  const section = readme.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  return section.split('\n').filter((line) => line.startsWith('| `'))
}

test('the table of settings tells every setting, its default and its meaning', () => {
  const rows = Object.entries(settings as Record<string, Described>).map(
    ([name, setting]) => `| \`${name}\` | ${defaultOf(setting)} | ${setting.description} |`,
  )

  expect(tableBelow('Settings')).toEqual(rows)
})

test('the table of errors tells every code, its status and its text', () => {
  const rows = Object.entries(problemKinds).map(
    ([code, { status, detail }]) => `| \`${code}\` | ${status} | ${detail} |`,
  )

  expect(tableBelow('Errors')).toEqual(rows)
})

test('.env.example holds every setting with its default, commented out', () => {
  const lines = example.split('\n').filter((line) => /^# [A-Z_]+=/.test(line))

  expect(lines).toEqual(
    Object.entries(settings as Record<string, Described>).map(
      ([name, { default: value }]) => `# ${name}=${value === undefined ? '' : String(value)}`,
    ),
  )
})

test('.env.example turns nothing on', () => {
  expect(example.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([])
})

test('the two commands for newcomers are the ones that README shows', () => {
  expect(readme).toContain('npm ci && npm start')
  expect(readme).toContain('npm ci && npm test')
})
