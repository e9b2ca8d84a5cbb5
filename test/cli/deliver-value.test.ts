import { expect, test } from 'vitest'
import { deliverValue } from '../../src/cli/deliver-value.js'
import { createTerminal } from './terminal.js'

test.each(['EPIPE', 'ENOSPC'])('a value that cannot be written (%s) is told to be lost', async (brokenBy) => {
  const terminal = createTerminal({ brokenBy })

  await expect(deliverValue('lk_value', terminal, { otherwise: 'revoke it' })).rejects.toMatchObject({
    exitCode: 73,
    message: `the value could not be written (${brokenBy}) and is lost: revoke it`,
  })
})

test('a value is alone on stdout, with a newline', async () => {
  const terminal = createTerminal()

  await deliverValue('lk_value', terminal, { otherwise: 'revoke it' })

  expect([terminal.out(), terminal.told()]).toEqual(['lk_value\n', ''])
})
