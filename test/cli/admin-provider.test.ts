import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { administrator } from '../admin/world.js'
import { startService, type TestService } from '../support/service.js'
import { commandLineOf } from './admin-world.js'

let service: TestService
beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

const { admin, json, latchkey } = commandLineOf(() => service)

test('nobody who can be asked and does not say yes switches API keys off', async () => {
  const elsewhere = await admin('provider', 'disable')
  const unsure = await latchkey(['admin', 'provider', 'disable'], { typed: 'maybe\n' })

  expect(elsewhere).toMatchObject({ exitCode: 64, out: '' })
  expect(unsure).toMatchObject({ exitCode: 1, out: '' })
  expect(await json('provider', 'show')).toEqual({ name: 'api-key', type: 'api-key', disabled: false })
})

test('a key that switched API keys off is refused itself, and a login switches them on', async () => {
  const off = await admin('provider', 'disable', '--yes')
  const on = await admin('provider', 'enable')
  const headers = await service.as('alice', administrator)
  const payload = { name: 'api-key', type: 'api-key', disabled: false }
  await service.inject({ method: 'PUT', url: '/admin/providers/api-key', headers, payload })
  const shown = await admin('provider', 'show')

  expect(off).toEqual({ exitCode: 0, out: '', told: 'API keys are off: every one of them is refused.\n' })
  expect(on).toMatchObject({ exitCode: 1, out: '' })
  expect(on.told).toContain('invalid_credential')
  expect(shown.out).toBe('name      api-key\ntype      api-key\ndisabled  false\n')
})

test('switching on what is on changes nothing', async () => {
  const outcome = await admin('provider', 'enable')

  expect(outcome).toEqual({ exitCode: 0, out: '', told: 'API keys are on.\n' })
})

test('what a file of the service says is not switched here', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-provider-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'api-key.json')
  writeFileSync(file, JSON.stringify({ name: 'api-key', type: 'api-key', disabled: false }))
  const declared = await startService({ API_KEYS_PROVIDER_FILE: file })
  onTestFinished(() => declared.close())

  const outcome = await commandLineOf(() => declared).admin('provider', 'disable', '--yes')

  expect(outcome).toMatchObject({ exitCode: 1, out: '' })
  expect(outcome.told).toContain('set_by_file')
})
