import { expect, test } from 'vitest'
import { buildSerializer } from '../../src/http/serialization.js'

const route = (schema: object, httpStatus: string) => ({ method: 'GET', url: '/', httpStatus, schema })
const person = { type: 'object', properties: { name: { type: 'string' } } }
const named = { Person: { $id: 'Person', ...person } }

test('answers of the same schema are written by one serializer', () => {
  const compile = buildSerializer(named, {})

  const [one, same] = ['200', '201'].map((status) => compile(route({ $ref: 'Person#' }, status)))

  expect(same).toBe(one)
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
