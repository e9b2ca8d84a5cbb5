import { expect, test, vi } from 'vitest'
import { buildSerializer } from '../../src/http/serialization.js'
import { startService } from '../support/service.js'

const route = (schema: object, httpStatus: string) => ({ method: 'GET', url: '/', httpStatus, schema })
const person = { type: 'object', properties: { name: { type: 'string' } } }
const named = { Person: { $id: 'Person', ...person } }

/** Counts the functions that fast-json-stringify (`validator`, …) and Ajv (`self`, …) generate. */
function countCompiledSchemas(): () => number {
  let count = 0
  vi.stubGlobal(
    'Function',
    new Proxy(Function, {
      construct(target, words: string[]) {
        if (words[0] === 'validator' || words[0] === 'self') count += 1
        return Reflect.construct(target, words)
      },
    }),
  )
  return () => count
}

test('a second service in a process compiles no schema', async () => {
  const first = await startService({}, { hasGateway: true })
  const count = countCompiledSchemas()

  const second = await startService({}, { hasGateway: true })
  await Promise.all([first, second].map((service) => service.close()))

  expect(count()).toBe(0)
  buildSerializer(named, {})(route({ $ref: 'Person#', title: 'never seen before' }, '200'))
  expect(count()).toBe(1)
})

test('schemas of the same text refer to what their own app knows by that name', () => {
  const numbered = { Person: { $id: 'Person', type: 'object', properties: { age: { type: 'integer' } } } }
  const document = { name: 'alice', age: 7 }

  const written = [named, numbered].map((schemas) =>
    buildSerializer(schemas, {})(route({ $ref: 'Person#' }, '200'))(document),
  )

  expect(written).toEqual(['{"name":"alice"}', '{"age":7}'])
})

test('answers of another schema are written by another, and what is not declared by none', () => {
  const compile = buildSerializer(named, {})
  const document = { name: 'alice', age: 7, hash: 'secret' }

  const reference = compile(route({ $ref: 'Person#' }, '200'))
  const other = compile(route({ type: 'object', properties: { age: { type: 'integer' } } }, '200'))

  expect([reference, other].map((write) => write(document))).toEqual(['{"name":"alice"}', '{"age":7}'])
})

test('a schema that cannot be stops the start', () => {
  const compile = buildSerializer(named, {})

  expect(() => compile(route({ $ref: 'Nobody#' }, '200'))).toThrow('Nobody')
})
