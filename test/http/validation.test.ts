import Fastify from 'fastify'
import { describe, expect, test } from 'vitest'
import { setValidation } from '../../src/http/validation.js'
import { renderError } from '../../src/problems/render.js'
import { namedSchemas } from '../../src/schemas/index.js'
import { createServiceSchema } from '../../src/schemas/service.js'
import { verifyKeySchema } from '../../src/schemas/verdict.js'

const app = Fastify({ bodyLimit: 1_000_000 })
setValidation(app)
app.setErrorHandler(renderError)
app.post('/verify', { schema: { body: verifyKeySchema } }, () => 'valid')
app.post('/service', { schema: { body: createServiceSchema } }, () => 'valid')

async function faultsOf(url: string, payload: object): Promise<{ path: string; message: string }[]> {
  const answer = await app.inject({ method: 'POST', url, payload })
  expect(answer.statusCode).toBe(400)
  return answer.json().errors
}

const numbers = (length: number) => Array.from({ length }, (_, at) => at)
const members = (length: number) => Object.fromEntries(numbers(length).map((at) => [`m${at}`, 0]))

test('a body of usual size is answered with each of its faults', async () => {
  expect(await faultsOf('/verify', { value: 1, method: 2, x: 3 })).toEqual([
    { path: 'x', message: 'is not a known member' },
    { path: 'value', message: 'must be string' },
    { path: 'method', message: 'must be string' },
  ])
  expect(await faultsOf('/verify', { value: 'lk_a', ...members(1000) })).toHaveLength(50)
})

describe('a body of thousands of members is answered with its first fault', () => {
  test.each([
    ['a list of what is no text', '/verify', { value: 'lk_a', scopes: Array(32_700).fill(0) }, 'scopes'],
    ['unknown members', '/verify', { value: 'lk_a', ...members(5000) }, 'm0'],
  ])('%s', async (_what, url, payload, path) => {
    expect(await faultsOf(url, payload)).toMatchObject([{ path }])
  })

  test('a list whose items must differ', async () => {
    const service = { id: 's', name: 'S', group: 'g', prefix: '/s', target: 'http://a' }

    expect(await faultsOf('/service', { ...service, access: { kinds: numbers(10_000) } })).toEqual([
      { path: 'access.kinds', message: 'must NOT have more than 2 items' },
    ])
  })
})

interface Node {
  uniqueItems?: boolean
  maxItems?: number
  items?: { type?: string }
}

test('every list whose items must differ is bounded, and its items have a type, so that they are not compared in pairs', () => {
  const lists: Node[] = []
  const visit = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return
    if ((value as Node).uniqueItems === true) lists.push(value as Node)
    for (const member of Object.values(value)) visit(member)
  }
  visit(namedSchemas)

  expect(lists.length).toBeGreaterThan(10)
  for (const { maxItems, items } of lists) {
    expect(maxItems).toBeLessThanOrEqual(200)
    expect(items?.type).toBe('string')
  }
})
