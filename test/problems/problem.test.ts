import { expect, test } from 'vitest'
import { problemKinds } from '../../src/problems/catalogue.js'
import { asProblem, Problem, problemBody } from '../../src/problems/problem.js'
import { problemStatuses } from '../../src/schemas/common.js'

const anError = (members: object, message = 'secret detail') => Object.assign(new Error(message), members)

test('every code is a stable name, with a status of an error and texts for people', () => {
  for (const [code, { status, title, detail }] of Object.entries(problemKinds)) {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(600)
    expect(title).toMatch(/^[A-Z].*[^.]$/)
    expect(detail).not.toBe('')
  }
})

test.each<[string, unknown, string, number]>([
  ['our own', new Problem('name_taken'), 'name_taken', 409],
  ['a fault in our code', new TypeError('secret detail'), 'internal_error', 500],
  ['JSON that we cannot read ourselves', new SyntaxError('secret detail'), 'internal_error', 500],
  ['something thrown that is no error', 'secret detail', 'internal_error', 500],
  ['nothing thrown', undefined, 'internal_error', 500],
  [
    'a body that is no JSON',
    anError({ code: 'FST_ERR_CTP_INVALID_JSON_BODY', statusCode: 400 }),
    'validation_failed',
    400,
  ],
  [
    'a body too large',
    anError({ code: 'FST_ERR_CTP_BODY_TOO_LARGE', statusCode: 413 }),
    'payload_too_large',
    413,
  ],
  ['a type that is not taken', anError({ statusCode: 415 }), 'unsupported_media_type', 415],
  ['a refusal of a plugin', anError({ statusCode: 403 }), 'invalid_request', 400],
  ['a plugin that counts', anError({ statusCode: 429 }), 'rate_limited', 429],
  ['a database that is away', anError({ name: 'StoreUnavailable' }), 'unavailable', 503],
  ['a plugin that is overloaded', anError({ statusCode: 503 }), 'unavailable', 503],
  ['a far server that fails', anError({ statusCode: 502 }), 'internal_error', 500],
  [
    'a code that is a member of every object',
    anError({ code: 'constructor', statusCode: 404 }),
    'not_found',
    404,
  ],
  [
    'a code of ours with another status',
    anError({ code: 'not_found', statusCode: 500 }),
    'internal_error',
    500,
  ],
])('%s is answered without what it says', (_kind, error, code, status) => {
  const problem = asProblem(error)

  expect(problem.code).toBe(code)
  expect(problem.statusCode).toBe(status)
  expect(JSON.stringify(problemBody(problem.code, 'id', problem.details))).not.toContain('secret detail')
})

test('an error of a guarded service that names one of our codes keeps its public text', () => {
  const problem = asProblem(anError({ code: 'not_found', statusCode: 404 }, 'No such collection'))

  expect(problemBody(problem.code, 'id', problem.details)).toMatchObject({
    status: 404,
    detail: 'No such collection',
  })
})

test('the cause of a problem is for the log and stands in no answer', () => {
  const problem = new Problem('unavailable', { cause: new Error('secret cause') })

  expect(problem.cause).toBeInstanceOf(Error)
  expect(JSON.stringify(problemBody('unavailable', 'id', problem.details))).not.toContain('secret cause')
})

test('the examples of the document are problems as they are really answered', () => {
  for (const [status, { code, title, detail }] of Object.entries(problemStatuses)) {
    expect(problemKinds[code]).toEqual({ status: Number(status), title, detail })
  }
})
