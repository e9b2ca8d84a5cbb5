import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'
import { createProgram } from '../../src/cli/program.js'
import { printable } from '../../src/cli/terminal.js'
import { aCommandLine } from './command-line.js'
import { createTerminal } from './terminal.js'

describe('a command that is wrong', () => {
  test.each<[what: string, args: string[], message: string]>([
    ['not known', ['profil'], '(Did you mean profile?)'],
    ['not known below another', ['profile', 'creat'], '(Did you mean create?)'],
    ['given an option that is not known', ['whoami', '--jsn'], '(Did you mean --json?)'],
    ['given too little', ['profile', 'create'], "missing required argument 'url'"],
    ['given too much', ['profile', 'list', 'all'], 'too many arguments'],
    ['none at all', [], 'Usage: latchkey'],
  ])('because it is %s is told on stderr', async (_what, args, message) => {
    const { run } = await aCommandLine()

    const ended = await run(...args)

    expect(ended).toMatchObject({ exitCode: 64, out: '' })
    expect(ended.told).toContain(message)
  })
})

test('help and version are what was asked for', async () => {
  const { run } = await aCommandLine()

  const help = await run('--help')
  const version = await run('--version')

  expect(help).toMatchObject({ exitCode: 0, told: '' })
  expect(help.out).toContain('Usage: latchkey')
  expect(help.out).not.toContain('__complete')
  expect(version).toEqual({ exitCode: 0, out: '0.0.0-test\n', told: '' })
})

test('each argument and option says what it is, and --json says the same everywhere', () => {
  const listAll = (command: Command): Command[] => [command, ...command.commands.flatMap(listAll)]
  const all = listAll(createProgram(createTerminal(), '0')).filter(
    (command) => command.name() !== '__complete',
  )

  const silent = all.flatMap((command) =>
    [...command.registeredArguments, ...command.options]
      .filter(({ description, argChoices }) => description === '' && argChoices === undefined)
      .map((part) => `${command.name()} ${part.name()}`),
  )
  const ofJson = all
    .filter((command) => command.name() !== 'audit')
    .flatMap(({ options }) => options.filter(({ long }) => long === '--json'))

  expect(all.length).toBeGreaterThan(60)
  expect(silent).toEqual([])
  expect(ofJson.length).toBeGreaterThan(30)
  expect(new Set(ofJson.map(({ description }) => description)).size).toBe(1)
})

test('what others wrote does nothing to a terminal', () => {
  expect(printable('a\u001b]0;b\u0007c\r\nd\u009b31me\u202ef\u200bg')).toBe('a]0;bcd31mefg')
  expect(printable('Ålice 日本 👩')).toBe('Ålice 日本 👩')
})

test('nothing but commander is loaded before a command is known', () => {
  const loaded = new Set<string>()
  const packages = new Set<string>()
  const load = (file: string) => {
    if (loaded.has(file)) return
    loaded.add(file)
    const text = readFileSync(file, 'utf8')
    const imports = text.matchAll(/^(?:import|export) (?!type )[^;]*? from '([^']+)'/gm)
    for (const [, name = ''] of imports) {
      if (name.startsWith('.')) load(resolve(dirname(file), name.replace(/\.js$/, '.ts')))
      else if (!name.startsWith('node:')) packages.add(name)
    }
  }

  load(resolve('src/cli/main.ts'))

  expect(loaded.size).toBeGreaterThan(10)
  expect([...packages]).toEqual(['commander'])
})
