import { describe, expect, test } from 'vitest'
import { createSealer, SealBroken, type Sealer } from '../../src/secrets/sealing.js'

const first = 'the first secret of thirty-two characters'
const second = 'the second secret of thirty-two characters'

function aSealer(...secrets: string[]): Sealer {
  const sealer = createSealer(secrets)
  if (sealer === null) throw new Error('There is no sealer')
  return sealer
}

describe('sealing', () => {
  test('what was sealed opens again for what it is bound to', async () => {
    const sealed = await aSealer(first).seal('hush ☂', 'key:abcdefgh')

    const opened = await aSealer(first).open(sealed, 'key:abcdefgh')

    expect(opened).toBe('hush ☂')
  })

  test('the plaintext and the secret cannot be read in it', async () => {
    const sealed = await aSealer(first).seal('hush-hush-hush', 'key:abcdefgh')

    const readable = sealed.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'))
    for (const text of [sealed, ...readable]) {
      expect(text).not.toContain('hush')
      expect(text).not.toContain('first secret')
    }
  })

  test('the same plaintext looks different each time', async () => {
    const sealer = aSealer(first)

    const both = [await sealer.seal('hush', 'key:a'), await sealer.seal('hush', 'key:a')]

    expect(new Set(both).size).toBe(2)
  })

  test('a secret put in front seals, and the one behind it still opens', async () => {
    const old = await aSealer(first).seal('old', 'key:a')
    const both = aSealer(second, first)

    const renewed = await both.seal('new', 'key:a')

    expect(await both.open(old, 'key:a')).toBe('old')
    expect(await aSealer(second).open(renewed, 'key:a')).toBe('new')
    await expect(aSealer(first).open(renewed, 'key:a')).rejects.toThrow(SealBroken)
  })

  test('nothing opens for something else than it is bound to', async () => {
    const sealed = await aSealer(first).seal('hush', 'key:a')

    await expect(aSealer(first).open(sealed, 'key:b')).rejects.toThrow(SealBroken)
  })

  test('nothing opens once a part of it was changed', async () => {
    const sealed = await aSealer(first).seal('hush', 'key:a')
    const parts = sealed.split('.')
    const header = { ...JSON.parse(Buffer.from(parts[0] ?? '', 'base64url').toString()), sub: 'key:b' }

    const changed = [
      [Buffer.from(JSON.stringify(header)).toString('base64url'), ...parts.slice(1)].join('.'),
      [...parts.slice(0, 4), Buffer.alloc(16).toString('base64url')].join('.'),
      [...parts.slice(0, 3), 'AAAA', parts[4]].join('.'),
    ]

    for (const text of changed) await expect(aSealer(first).open(text, 'key:b')).rejects.toThrow(SealBroken)
  })

  test.each(['', 'hush', 'a.b.c', 'e30.e30.e30.e30.e30'])('"%s" is nothing sealed', async (text) => {
    await expect(aSealer(first).open(text, 'key:a')).rejects.toThrow(SealBroken)
  })

  test('without a secret there is no sealer', () => {
    expect(createSealer([])).toBeNull()
  })
})
