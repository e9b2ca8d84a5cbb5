import { afterEach, describe, expect, test } from 'vitest'
import {
  LatchkeyError,
  NotFoundError,
  TooManyRequestsError,
  UnavailableError,
  UnreachableError,
} from '../../src/client/index.js'
import { decideWait, readRetryAfterMs, sleep } from '../../src/client/repeat.js'
import {
  type Answer,
  hangUp,
  json,
  noContent,
  page,
  problem,
  type ScriptedService,
  startScriptedService,
  stayAway,
} from './scripted-service.js'

let service: ScriptedService
const given = async (...answers: [Answer, ...Answer[]]) => {
  service = await startScriptedService(...answers)
  return service
}
afterEach(() => service?.close())

const me = json({ login: 'alice' })
const failureOf = (answer: Promise<unknown>) =>
  answer.then(
    () => 'no failure',
    (error: unknown) => error,
  )

describe('a call that does no harm twice is sent again', () => {
  test.each([
    ['the service is away', problem(503, 'unavailable'), [500]],
    ['the service says when to come back', problem(503, 'unavailable', { 'retry-after': '2' }), [2250]],
    ['there were too many', problem(429, 'rate_limited', { 'retry-after': '1' }), [1250]],
    ['a proxy did not reach the service', page(502), [500]],
    ['a proxy did not wait for the service', page(504), [500]],
    ['the connection breaks off', hangUp, [500]],
  ])('when %s', async (_, first, waitsMs) => {
    const { connect, seen, ...told } = await given(first, me)

    const answer = await connect().me()

    expect(answer).toEqual({ login: 'alice' })
    expect(seen).toHaveLength(2)
    expect(told.waitsMs).toEqual(waitsMs)
  })

  test('three times at most, waiting longer each time, and the last refusal is told', async () => {
    const { connect, seen, waitsMs } = await given(problem(503, 'unavailable'))

    const failure = await failureOf(connect().me())

    expect(failure).toBeInstanceOf(UnavailableError)
    expect(failure).toMatchObject({ code: 'unavailable', requestId: 'r' })
    expect(seen).toHaveLength(3)
    expect(waitsMs).toEqual([500, 1000])
  })

  test('as often as it is told to', async () => {
    const { connect, seen } = await given(hangUp)

    const failure = await failureOf(connect({ maxTries: 1 }).me())

    expect(failure).toBeInstanceOf(UnreachableError)
    expect(seen).toHaveLength(1)
  })

  test('with a token of its own for each try', async () => {
    const { connect, seen } = await given(problem(503, 'unavailable'), me)
    const tokens = ['first', 'second']

    await connect({ apiKey: null, token: () => tokens.shift() ?? '' }).me()

    expect(seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer first', 'Bearer second'])
  })

  test('a deletion that finds nothing after a lost answer has done its work', async () => {
    const { connect } = await given(hangUp, problem(404, 'not_found'))

    expect(await connect().apiKeys.delete('Zk3vQ9aB')).toBeUndefined()
  })

  test('a revocation is, since the second changes nothing', async () => {
    const { connect, seen } = await given(hangUp, json({ status: 'revoked' }))

    const revoked = await connect().apiKeys.revoke('Zk3vQ9aB', { permanent: true })

    expect(revoked).toMatchObject({ status: 'revoked' })
    expect(seen.map(({ body }) => body)).toEqual(['{"permanent":true}', '{"permanent":true}'])
  })

  test('a question about a value is, where it was refused', async () => {
    const { connect, seen } = await given(
      problem(429, 'rate_limited', { 'retry-after': '1' }),
      json({ valid: true }),
    )

    await connect().apiKeys.verify({ value: 'lk_x' })

    expect(seen).toHaveLength(2)
  })
})

describe('a call is not sent again', () => {
  test.each([
    ['a creation', (client: ReturnType<ScriptedService['connect']>) => client.apiKeys.create({ name: 'x' })],
    ['a rotation', (client: ReturnType<ScriptedService['connect']>) => client.apiKeys.rotate('x')],
    ['a renewal', (client: ReturnType<ScriptedService['connect']>) => client.apiKeys.renew('x')],
    [
      'a change',
      (client: ReturnType<ScriptedService['connect']>) => client.apiKeys.update('x', { note: '' }),
    ],
    [
      'a server key',
      (client: ReturnType<ScriptedService['connect']>) => client.admin.apiKeys.create({ name: 'x' }),
    ],
  ])('when it is %s, whatever was answered', async (_, call) => {
    const { connect, seen } = await given(problem(503, 'unavailable', { 'retry-after': '1' }), hangUp)

    const refused = await failureOf(call(connect()))
    const lost = await failureOf(call(connect()))

    expect(refused).toMatchObject({ code: 'unavailable', retryAfterSeconds: 1 })
    expect(lost).toBeInstanceOf(UnreachableError)
    expect(seen).toHaveLength(2)
  })

  test.each([
    [
      'a question about a value',
      (client: ReturnType<ScriptedService['connect']>) => client.apiKeys.verify({ value: 'x' }),
    ],
    [
      'the revocation of all keys of a person',
      (client: ReturnType<ScriptedService['connect']>) => client.admin.users.revokeApiKeys('x'),
    ],
  ])('when it is %s whose answer was lost', async (_, call) => {
    const { connect, seen } = await given(hangUp)

    expect(await failureOf(call(connect()))).toBeInstanceOf(UnreachableError)
    expect(seen).toHaveLength(1)
  })

  test.each([400, 401, 403, 404, 409, 500])('after a %i', async (status) => {
    const { connect, seen } = await given(problem(status, 'refused'))

    expect(await failureOf(connect().me())).toBeInstanceOf(LatchkeyError)
    expect(seen).toHaveLength(1)
  })

  test('when the service asks for more time than there is: the quota of a day', async () => {
    const { connect, seen, waitsMs } = await given(problem(429, 'quota_exceeded', { 'retry-after': '3600' }))

    const failure = await failureOf(connect().me())

    expect(failure).toBeInstanceOf(TooManyRequestsError)
    expect(failure).toMatchObject({ code: 'quota_exceeded', retryAfterSeconds: 3600 })
    expect([seen.length, waitsMs]).toEqual([1, []])
  })

  test('when all waits together take longer than they may', async () => {
    const { connect, seen, waitsMs } = await given(problem(503, 'unavailable', { 'retry-after': '4' }))

    await failureOf(connect({ maxRetryWaitMs: 6000 }).me())

    expect([seen.length, waitsMs]).toEqual([2, [4250]])
  })

  test('when nothing was there to delete: that is no success', async () => {
    const { connect } = await given(problem(503, 'unavailable'), problem(404, 'not_found'))

    expect(await failureOf(connect().apiKeys.delete('Zk3vQ9aB'))).toBeInstanceOf(NotFoundError)
  })

  test('when a proxy says after a lost answer that there is nothing', async () => {
    const { connect } = await given(hangUp, page(404))

    expect(await failureOf(connect().apiKeys.delete('Zk3vQ9aB'))).toMatchObject({ code: 'unexpected_answer' })
  })
})

describe('who calls ends a call', () => {
  test('before it is sent', async () => {
    const { connect, seen } = await given(me)

    const failure = await failureOf(connect().me({ signal: AbortSignal.abort(new Error('no more')) }))

    expect(failure).toMatchObject({ message: 'no more' })
    expect(seen).toHaveLength(0)
  })

  test('while it is not answered, and it is not sent again', async () => {
    const { connect, seen } = await given(stayAway)
    const controller = new AbortController()

    const ending = failureOf(connect().me({ signal: controller.signal }))
    await expect.poll(() => seen.length).toBe(1)
    controller.abort()

    expect(await ending).toMatchObject({ name: 'AbortError' })
    expect(seen).toHaveLength(1)
  })

  test('while it waits to be sent again', async () => {
    const { connect, seen } = await given(problem(503, 'unavailable', { 'retry-after': '20' }))
    const controller = new AbortController()

    const ending = failureOf(connect({ sleep }).me({ signal: controller.signal }))
    await expect.poll(() => seen.length).toBe(1)
    controller.abort(new Error('no more'))

    expect(await ending).toMatchObject({ message: 'no more' })
    expect(seen).toHaveLength(1)
  })

  test('in the middle of a list', async () => {
    const { connect, seen } = await given(json({ items: [1, 2], next_cursor: 'x' }))
    const controller = new AbortController()

    const reading = (async () => {
      for await (const _ of connect().apiKeys.list({}, { signal: controller.signal })) controller.abort()
    })()

    expect(await failureOf(reading)).toMatchObject({ name: 'AbortError' })
    expect(seen).toHaveLength(1)
  })
})

describe('time', () => {
  test('a service that does not answer in time cannot be reached, each time', async () => {
    const { connect, seen } = await given(stayAway)

    const failure = await failureOf(connect({ timeoutMs: 50 }).me())

    expect(failure).toBeInstanceOf(UnreachableError)
    expect(failure).toMatchObject({
      message: 'The service did not answer within 0.05 s.',
      code: 'unreachable',
    })
    expect(seen).toHaveLength(3)
  })

  test('nor one whose answer does not end in time', async () => {
    const { connect } = await given((response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"login":')
    })

    const failure = await failureOf(connect({ maxTries: 1 }).me({ timeoutMs: 50 }))

    expect(failure).toMatchObject({ message: 'The service did not answer within 0.05 s.' })
  })

  test('who wants to wait for ever does not wait not at all', async () => {
    const { connect } = await given(me)

    const answer = await connect({ timeoutMs: Number.POSITIVE_INFINITY, maxTries: 1 }).me()

    expect(answer).toEqual({ login: 'alice' })
  })

  test('a deletion answers with nothing, and nothing is waited for', async () => {
    const { connect, waitsMs } = await given(noContent)

    expect(await connect().apiKeys.delete('Zk3vQ9aB')).toBeUndefined()
    expect(waitsMs).toEqual([])
  })
})

describe('Retry-After', () => {
  const now = Date.parse('2026-11-21T12:00:00Z')
  const read = (headers: Record<string, string>) => readRetryAfterMs(new Headers(headers), now)

  test.each([
    ['seconds', { 'retry-after': '7' }, 7000],
    ['a date', { 'retry-after': 'Sat, 21 Nov 2026 12:00:07 GMT' }, 7000],
    ['a date that has passed', { 'retry-after': 'Sat, 21 Nov 2026 11:00:00 GMT' }, 0],
    [
      'a date, by the clock of who answers',
      { 'retry-after': 'Sat, 21 Nov 2026 15:00:07 GMT', date: 'Sat, 21 Nov 2026 15:00:00 GMT' },
      7000,
    ],
    ['nothing', {}, undefined],
    ['nonsense', { 'retry-after': 'soon' }, undefined],
    ['less than nothing', { 'retry-after': '-1' }, undefined],
    ['no number', { 'retry-after': '1e9' }, undefined],
  ])('says %s', (_, headers, expected) => {
    expect(read(headers)).toBe(expected)
  })

  test('is never come back before', () => {
    const refused = { kind: 'answered', status: 429, retryAfterMs: 1000 } as const
    const waits = [0, 0.3, 0.999].map((jitter) =>
      decideWait(refused, { repeatable: 'always', tries: 1, jitter }),
    )

    expect(waits.every((ms) => ms !== null && ms >= 1000 && ms < 1500)).toBe(true)
    expect(new Set(waits).size).toBe(3)
  })
})
