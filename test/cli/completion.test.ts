import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { aCommandLine, type CommandLine } from './command-line.js'

const profileOf = (url: string) => ({ url, login: null, gatewayUrl: null, isInsecure: false })

/** Somebody with the profiles `here` and `there`. */
async function aUser(): Promise<CommandLine> {
  const user = await aCommandLine()
  const profiles = { here: profileOf('https://here.example'), there: profileOf('https://there.example') }
  await mkdir(user.folder, { mode: 0o700 })
  const text = JSON.stringify({ version: 1, inUse: 'here', profiles })
  await writeFile(join(user.folder, 'profiles.json'), text, { mode: 0o600 })
  return user
}

/** What the last word may become. */
async function complete({ run }: CommandLine, ...words: string[]): Promise<string[]> {
  const { out } = await run('__complete', '--', ...words)
  return out
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t')[0] ?? '')
}

describe('the last word becomes', () => {
  test.each<[what: string, words: string[], candidates: string[]]>([
    ['a command', ['pro'], ['profile']],
    ['a command below one', ['profile', 'cr'], ['create']],
    ['an option', ['login', '--d'], ['--device']],
    ['an option of all commands', ['login', '--pro'], ['--profile']],
    ['an option before any command', ['--pro'], ['--profile']],
    ['a choice', ['completion', 'f'], ['fish']],
    ['a profile to use', ['profile', 'use', ''], ['here', 'there']],
    ['a profile to talk to', ['whoami', '--profile', 't'], ['there']],
    ['the same in the words of bash', ['whoami', '--profile', '=', 't'], ['there']],
    ['a command after an option with its value', ['--profile', 'here', 'whoa'], ['whoami']],
  ])('%s', async (_what, words, candidates) => {
    expect(await complete(await aUser(), ...words)).toEqual(candidates)
  })
})

describe('nothing is offered', () => {
  test.each<[what: string, words: string[]]>([
    ['for what begins no command', ['nothing']],
    ['for a name that is free', ['profile', 'create', '--name', '']],
    ['for a second profile where one is wanted', ['profile', 'use', 'here', '']],
    ['of what completes', ['__com']],
  ])('%s', async (_what, words) => {
    expect(await complete(await aUser(), ...words)).toEqual([])
  })

  test('where the profiles cannot be read, and nothing stands where words are expected', async () => {
    const user = await aUser()
    await writeFile(join(user.folder, 'profiles.json'), '{')

    const result = await user.run('__complete', '--', 'profile', 'use', '')

    expect(result).toMatchObject({ exitCode: 73, out: '' })
  })
})

test('a script for another shell is refused', async () => {
  const { run } = await aCommandLine()

  const refused = await run('completion', 'powershell')

  expect(refused).toMatchObject({ exitCode: 64, out: '' })
  expect(refused.told).toContain('Allowed choices are bash, zsh, fish')
})
