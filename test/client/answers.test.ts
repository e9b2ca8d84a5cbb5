import { afterEach, describe, expect, test } from 'vitest'
import {
  LatchkeyError,
  NotFoundError,
  TooManyRequestsError,
  UnavailableError,
  UnexpectedAnswerError,
} from '../../src/client/index.js'
import {
  type Answer,
  json,
  page,
  problem,
  type ScriptedService,
  startScriptedService,
} from './scripted-service.js'

let service: ScriptedService
afterEach(() => service?.close())

/** How asking who one is fails where the service, or what stands in its place, gives this answer. */
const failureOf = async (answer: Answer): Promise<LatchkeyError> => {
  service = await startScriptedService(answer)
  const error = await service
    .connect({ maxTries: 1 })
    .me()
    .catch((thrown: unknown) => thrown)
  if (error instanceof LatchkeyError) return error
  throw new Error('It did not fail as an answer does', { cause: error })
}

const as =
  (type: string, body: string, status = 200): Answer =>
  (response) =>
    void response.writeHead(status, { 'content-type': type }).end(body)

describe('what is no answer of the service is told as such', () => {
  test.each([
    ['the page of a network that wants a login', page(200), 200, 'text/html'],
    ['text', as('text/plain', 'OK'), 200, 'text/plain'],
    ['nothing', as('', ''), 200, 'of no type'],
    ['broken JSON', as('application/json', '{"login":'), 200, 'application/json'],
    ['the page of a server that has no such path', page(404), 404, 'none of this service'],
    ['the page of a proxy that wants a password', page(401), 401, 'none of this service'],
    ['a problem that somebody else wrote', as('application/problem+json', '{"title":"Hm"}', 403), 403, ''],
    ['a problem that is none', as('application/problem+json', '<h1>', 400), 400, 'none of this service'],
  ])('%s', async (_, answer, status, text) => {
    const failure = await failureOf(answer)

    expect(failure).toBeInstanceOf(UnexpectedAnswerError)
    expect(failure).toMatchObject({ code: 'unexpected_answer', status })
    expect(failure.message).toContain(text)
    expect(failure.message).not.toContain('<h1>')
  })

  test('a proxy’s page for what is away or busy still means that', async () => {
    const away = await failureOf(page(502))
    await service.close()
    const busy = await failureOf(page(429))

    expect(away).toBeInstanceOf(UnavailableError)
    expect(busy).toBeInstanceOf(TooManyRequestsError)
    expect([away.code, busy.code]).toEqual(['unexpected_answer', 'unexpected_answer'])
  })

  test.each([301, 302, 307, 308])(
    'a redirect by %i, with where it leads and without its query',
    async (status) => {
      const failure = await failureOf(
        (response) =>
          void response.writeHead(status, { location: 'https://keys.example.org/sub/me?code=secret' }).end(),
      )

      expect(failure).toMatchObject({ name: 'UnexpectedAnswerError', status })
      expect(failure.message).toContain('redirects to https://keys.example.org/sub/me,')
      expect(failure.message).not.toContain('secret')
      expect(service.seen).toHaveLength(1)
    },
  )
})

describe('what the service answers is told as it says', () => {
  test('a code that this client has never heard of', async () => {
    const failure = await failureOf(problem(418, 'teapot'))

    expect(failure).toMatchObject({
      name: 'LatchkeyError',
      code: 'teapot',
      status: 418,
      detail: 'It is teapot.',
    })
  })

  test('a refusal without faults has none', async () => {
    const failure = await failureOf(problem(404, 'not_found'))

    expect(failure).toBeInstanceOf(NotFoundError)
    expect([failure.errors, failure.retryAfterSeconds]).toEqual([[], undefined])
  })

  test('members that this client has never heard of stay', async () => {
    service = await startScriptedService(json({ login: 'alice', of_tomorrow: 1 }))

    expect(await service.connect().me()).toEqual({ login: 'alice', of_tomorrow: 1 })
  })
})
