import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { pathOfBuilt } from '../support/built.js'

/** The URLs of all scripts that a run of `latchkey` loads, as V8 counts their coverage. */
function listScripts(...args: string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-startup-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  execFileSync(process.execPath, [pathOfBuilt('src/cli/main'), ...args], {
    env: { PATH: process.env.PATH, NODE_V8_COVERAGE: folder, LATCHKEY_CONFIG_DIR: join(folder, 'config') },
  })
  const reports = readdirSync(folder).filter((name) => name.endsWith('.json'))
  return reports.flatMap((name) => {
    // The format of V8's coverage: `{ result: [{ url, functions }] }`.
    const { result } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { result: { url: string }[] }
    return result.map(({ url }) => url)
  })
}

const listPackages = (scripts: string[]) => [
  ...new Set(scripts.flatMap((url) => url.match(/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.slice(1) ?? [])),
]

test.each(['--help', '--version'])('`latchkey %s` loads commander and no other package', (option) => {
  const scripts = listScripts(option)

  expect(scripts.some((url) => url.endsWith('/dist/src/cli/main.js'))).toBe(true)
  expect(listPackages(scripts)).toEqual(['commander'])
})

/** The files below `src/cli` that hold no declaration of commands or options: those of commands, and what these need. */
const listCommandFiles = (scripts: string[]) =>
  scripts
    .flatMap((url) => url.split('/dist/src/cli/')[1] ?? [])
    .filter((file) => file.includes('/') && !/(?:\/index|\boptions)\.js$/.test(file))

test('`latchkey --help` loads the declarations of all groups and the file of no command', () => {
  const scripts = listScripts('--help')

  expect(scripts.some((url) => url.endsWith('/src/cli/admin/service/index.js'))).toBe(true)
  expect(listCommandFiles(scripts)).toEqual([])
})

test('a command loads its own file and that of no other command', () => {
  const scripts = listScripts('profile', 'list')

  expect(listCommandFiles(scripts).sort()).toEqual(['profile/list.js', 'profile/profiles.js'])
})
