import { expect, test } from 'vitest'
import { requireConsent } from '../../src/cli/confirm.js'
import { createTerminal } from './terminal.js'

const question = 'Delete the key Zk3vQ9aB?'

test('where stdin is no terminal nobody is asked, and --yes is needed', async () => {
  const terminal = createTerminal({ input: 'y\n' })

  await expect(requireConsent(question, terminal, {})).rejects.toMatchObject({
    exitCode: 64,
    message: expect.stringContaining('--yes'),
  })
  expect(terminal.told()).toBe('')
})

test.each(['\n', 'n\n', 'no\n', 'yep\n', 'yes please\n', ''])('the answer %j is no yes', async (typed) => {
  const asking = requireConsent(question, createTerminal({ typed }), {})

  await expect(asking).rejects.toMatchObject({ exitCode: 1, message: 'nothing was done' })
})

test.each(['y\n', 'Y\n', 'yes\n', ' YES \n'])('the answer %j is a yes', async (typed) => {
  const terminal = createTerminal({ typed })

  await requireConsent(question, terminal, {})

  expect(terminal.told()).toBe(`${question} [y/N] `)
  expect(terminal.out()).toBe('')
})

test('who has said --yes is not asked', async () => {
  const terminal = createTerminal()

  await requireConsent(question, terminal, { yes: true })

  expect(terminal.told()).toBe('')
})
