import { Writable } from 'node:stream'
import { errors as joseErrors } from 'jose'
import { pino } from 'pino'
import { errors as undiciErrors } from 'undici'
import { describe, expect, test } from 'vitest'
import { loggerOptions } from '../../src/log/options.js'

const marker = 'private-9f'

/** The line that the service's own logger writes of an error. */
function logged(err: unknown): { text: string; err: Record<string, unknown> } {
  let text = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk
      done()
    },
  })
  pino(loggerOptions('info', 'lk'), stream).error({ err }, 'something failed')
  return { text, err: JSON.parse(text).err }
}

/** Throws it, as `await` and `try` meet it. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    return error
  }
}

const withMembers = (members: object, error = new Error('failed')) => Object.assign(error, members)

describe('the log holds nothing of what was sent', () => {
  test.each<[string, unknown]>([
    ['a broken answer', withMembers({ data: marker }, new undiciErrors.HTTPParserError('Invalid header'))],
    [
      'an answer of a status that is an error',
      new undiciErrors.ResponseError('Response error', 500, { headers: { a: marker }, body: marker }),
    ],
    ['a token', new joseErrors.JWTExpired('expired', { sub: marker }, 'exp', 'check_failed')],
    ['a command to Redis', withMembers({ command: { name: 'set', args: [marker] } })],
    ['a row of PostgreSQL', withMembers({ code: '23505', detail: `Key (name)=(${marker}) already exists.` })],
    ['the bytes of a request', withMembers({ rawPacket: Buffer.from(marker), reason: `${marker} and more` })],
    ['a text that is no JSON', parseJson(`${marker} and more`)],
    ['a text that is no JSON, on several lines', parseJson(`{"a": ${marker}\n    at ${marker}`)],
    ['a parsed body as the cause', new Error('failed', { cause: { message: marker, stack: marker } })],
    ['a cause with an answer', new Error('failed', { cause: withMembers({ data: marker }) })],
    ['several errors with answers', new AggregateError([withMembers({ data: marker })], 'all failed')],
    ['no error at all', { message: marker, name: 'Error' }],
    ['a text', marker],
  ])('when an error carries %s', (_what, error) => {
    expect(logged(error).text).not.toContain(marker)
  })
})

describe('the log says of an error', () => {
  test('what it is, what failed and where', () => {
    const { err } = logged(withMembers({ code: 'ECONNREFUSED', errno: -111, address: '::1', port: 5432 }))

    expect(err).toMatchObject({ type: 'Error', message: 'failed', code: 'ECONNREFUSED', errno: -111 })
    expect(err).toMatchObject({ address: '::1', port: 5432 })
    expect(err.stack).toMatch(/^Error: failed\n {4}at .*errors\.test\.ts/)
  })

  test('its causes, and the code of the cause where it has none itself', () => {
    const cause = withMembers({ code: 'EPIPE' }, new TypeError('inner'))

    const { err } = logged(new Error('outer', { cause }))

    expect(err).toMatchObject({ message: 'outer: inner', code: 'EPIPE' })
    expect(err.stack).toMatch(/^Error: outer\n[\s\S]*\ncaused by: TypeError: inner\n/)
  })

  test('each of several attempts', () => {
    const attempt = withMembers({ code: 'ECONNREFUSED' }, new Error('connect ECONNREFUSED ::1:80'))
    const error = withMembers({ code: 'ECONNREFUSED' }, new AggregateError([attempt]))

    const { err } = logged(new TypeError('fetch failed', { cause: error }))

    expect(err.message).toBe('fetch failed: ECONNREFUSED')
    expect(err.aggregateErrors).toMatchObject([{ message: 'connect ECONNREFUSED ::1:80' }])
  })

  test('an end, where causes run in a circle', () => {
    const one = new Error('one')
    one.cause = new Error('two', { cause: one })

    expect(logged(one).err.message).toBe('one: two')
  })
})
