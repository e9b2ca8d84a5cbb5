import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Outcome, type Running, watchProcesses } from '../support/command-line.js'
import { browserAddress, printedValue, useTerminals } from './terminal.js'
import type { World } from './world.js'

/**
 * The command line at a terminal, whatever identity provider logs people in.
 * @param right one of alice that bob has not
 */
export function describeTerminalCommands(world: World, right: string): void {
  const { sitDown, logInByBrowser } = useTerminals(world)

  describe('whoever logs people in', () => {
    test('Ctrl-C ends a login that nobody finishes, and nothing of it stays', async () => {
      const line = await sitDown('with a profile')
      const login = line.start(['login'])
      const redirect = new URL(await login.told(browserAddress)).searchParams.get('redirect_uri') ?? ''

      login.type('\x03')
      const { exitCode, stdout } = await login.ended

      expect([exitCode, stdout]).toEqual([130, ''])
      await expect(fetch(redirect)).rejects.toThrow()
      expect((await line.run(['whoami'])).exitCode).toBe(77)
    })

    test('a value is in no list of processes, and not in what is told about it', async () => {
      const line = await sitDown('with a profile')
      await logInByBrowser(line, 'alice')
      const made = await line.run(['api-key', 'create', '--note', 'watched'])
      const secret = made.stdout.trim()
      await writeFile(join(line.home, 'value'), secret, { mode: 0o600 })

      const outcomes: Outcome[] = []
      const watch = async (running: Running) => {
        const seen = await watchProcesses(running.ended)
        outcomes.push(await running.ended)
        expect(seen).toContain(`${running.words.join(' ')}\n`)
        return seen
      }
      const lists = [
        await watch(line.start(['api-key', 'check', '--value-file', '-'], { stdin: 'value' })),
        await watch(line.start(['api-key', 'check', '--value-file', 'value'])),
        await watch(line.start(['api-key', 'check'], { env: { LATCHKEY_API_KEY: secret } })),
        await watch(line.start(['api-key', 'revoke', '--value-file', '-'], { stdin: 'value' })),
        await watch(line.start(['api-key', 'check', '--value-file', 'value'])),
      ]

      expect(secret).toMatch(/^lk_/)
      expect(outcomes.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0, 1])
      for (const list of lists) expect(list).not.toContain(secret)
      for (const { stdout, stderr } of outcomes) expect(stdout + stderr).not.toContain(secret)
      expect(made.stderr).not.toContain(secret)
    })

    test('what cannot be undone is asked at a terminal, and refused where there is none', async () => {
      const line = await sitDown('with a profile')
      await logInByBrowser(line, 'alice')
      const { stdout } = await line.run(['api-key', 'create', '--note', 'to be deleted'])
      const id = printedValue.exec(stdout)?.[1] ?? ''
      await writeFile(join(line.home, 'nothing'), '')

      const unasked = await line.run(['api-key', 'delete', id], { stdin: 'nothing' })
      const no = line.start(['api-key', 'delete', id])
      await no.told(/Delete the key/)
      no.type('n\n')
      const kept = await no.ended
      const shown = await line.run(['api-key', 'show', id])
      const yes = line.start(['api-key', 'delete', id])
      await yes.told(/Delete the key/)
      yes.type('y\n')

      expect(unasked.exitCode).not.toBe(0)
      expect(unasked.stderr).toContain('--yes')
      expect(kept.exitCode).not.toBe(0)
      expect(shown.exitCode).toBe(0)
      expect((await yes.ended).exitCode).toBe(0)
      expect((await line.run(['api-key', 'show', id])).exitCode).toBe(1)
    })

    test('bob sees no key of alice, and can neither end it nor take rights that he has not', async () => {
      const [hers, his] = [await sitDown('with a profile'), await sitDown('with a profile')]
      await logInByBrowser(hers, 'alice')
      await logInByBrowser(his, 'bob')
      const { stdout } = await hers.run(['api-key', 'create', '--note', 'hers'])
      const [, id = ''] = printedValue.exec(stdout) ?? []

      const list = await his.run(['api-key', 'list', '--all'])
      const revoke = await his.run(['api-key', 'revoke', id])
      const wanted = await his.run(['api-key', 'create', '--scopes', right])

      expect(id).not.toBe('')
      expect(list.exitCode).toBe(0)
      expect(list.stdout).not.toContain(id)
      expect(revoke).toMatchObject({ exitCode: 1, stdout: '' })
      expect(wanted).toMatchObject({ exitCode: 1, stdout: '' })
      expect(wanted.stderr).toContain('insufficient_scope')
      expect(
        (await hers.run(['api-key', 'check'], { env: { LATCHKEY_API_KEY: stdout.trim() } })).exitCode,
      ).toBe(0)
    })

    test('a table is as wide as the terminal, and whole where there is room', async () => {
      const line = await sitDown('with a profile')
      await logInByBrowser(line, 'alice')
      const note = 'a note that is much too long for a terminal of eighty columns, to the last word of it'
      await line.run(['api-key', 'create', '--note', note])

      const narrow = await line.run(['api-key', 'list'], { columns: 80 })
      const wide = await line.run(['api-key', 'list'], { columns: 300 })

      expect(Math.max(...narrow.stdout.split('\n').map((row) => row.length))).toBeLessThanOrEqual(80)
      expect(narrow.stdout).not.toContain('the last word of it')
      expect(wide.stdout).toContain(note)
    })
  })
}
