import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { administrator } from '../admin/world.js'
import { startService, type TestService } from '../support/service.js'

// Asks every operation of the service hundreds of times.
vi.setConfig({ testTimeout: 60_000 })

interface Operation {
  method: string
  path: string
  parameters: { name: string; in: string }[]
}

let service: TestService
let operations: Operation[]
beforeAll(async () => {
  service = await startService()
  // Read as what it is asked for, not as all that OpenAPI allows.
  const { paths } = service.app.swagger() as unknown as {
    paths: Record<string, Record<string, { parameters?: Operation['parameters'] }>>
  }
  operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [] }]) => ({ method, path, parameters })),
  )
})
afterAll(() => service.close())

/** Texts that a database, a calendar or a decoder falls over, as they stand in a URL. */
const odd = [
  ...[
    '%00',
    'a%00b',
    '%ED%A0%80',
    '%ED%BF%BF',
    '%FF',
    '%C3',
    '%F4%90%80%80',
    '%',
    '%zz',
    '%u0000',
    '%EF%BF%BF',
  ],
  ...[
    '%0A',
    '%E2%80%8B',
    '%E2%80%AE',
    '..%2F..',
    '%2E%2E',
    '-0',
    '1e400',
    '9007199254740993',
    'NaN',
    '%5B%5D',
  ],
  ...['9999999999999999999999', '-1', '0', '275760-09-13T00%3A00%3A00Z', '0000-01-01T00%3A00%3A00Z'],
  ...[
    '9999-12-31T23%3A59%3A59-23%3A59',
    '2026-12-31T23%3A59%3A60Z',
    '%27%3B--',
    '*',
    '%25',
    '%5C',
    '__proto__',
  ],
  ...['constructor', 'x'.repeat(3000), Buffer.from('99999999999999 a').toString('base64url')],
  ...[Buffer.from('9999999999999 99999999999999999999').toString('base64url')],
]

test('no text in a path or a query makes an operation answer with an error of its own', async () => {
  const headers = await service.as('alice', administrator)
  const wrong: string[] = []
  let asked = 0

  for (const { method, path, parameters } of operations) {
    if (/^\/(auth|docs|catalog)\b/.test(path)) continue
    const fill = (text: string) => path.replaceAll(/\{[^}]+\}/g, text)
    const urls = [
      ...(path.includes('{') ? odd.map(fill) : []),
      ...parameters
        .filter((parameter) => parameter.in === 'query')
        .flatMap(({ name }) => [
          ...odd.map((text) => `${fill('known')}?${name}=${text}`),
          `${fill('known')}?${name}=a&${name}=b`,
          `${fill('known')}?${name}`,
        ]),
      `${fill('known')}?__proto__=1&%00=1`,
    ]
    for (const url of urls) {
      asked += 1
      const { status } = await service.inject({ method: method.toUpperCase() as 'GET', url, headers })
      if (status >= 500) wrong.push(`${method} ${url}: ${status}`)
    }
  }

  expect(wrong).toEqual([])
  expect(asked).toBeGreaterThan(500)
})
