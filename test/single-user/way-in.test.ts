import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectProblem } from '../keys/requests.js'
import { me, open, openPrinted, type SingleUserService, startSingleUser } from './a-service.js'

let service: SingleUserService
beforeAll(async () => {
  service = await startSingleUser()
})
afterAll(() => service.close())

const countSessions = () => service.db.prisma.session.count()

describe('the printed URL', () => {
  test('is of this site, and ends in the key', () => {
    expect(service.openingUrl).toBe(`${service.url}/?api_key=${service.key}`)
  })

  test.each(['/?api_key=KEY', '/?api-key=KEY', '/docs?api_key=KEY', '/docs/?x=1&api_key=KEY'])(
    'opens the documentation with a session, and the key is gone: %s',
    async (url) => {
      const answer = await open(service, url.replace('KEY', service.key))

      expect(answer.status).toBe(303)
      expect(answer.headers.location).toBe(`${service.url}/docs`)
      expect(answer.headers['referrer-policy']).toBe('no-referrer')
      expect(answer.headers['cache-control']).toBe('no-store')
      expect(String(answer.headers['set-cookie'])).toMatch(/^latchkey_session=[^;]+;.*HttpOnly; SameSite=Lax/)
      expect(JSON.stringify(answer.headers) + answer.body).not.toContain(service.key)
    },
  )

  test('gives the single user a session, which makes keys and administrates', async () => {
    const headers = await openPrinted(service)

    expect((await me(service, headers)).json).toMatchObject({ login: 'single-user', via: 'session' })
    const made = await service.inject({
      method: 'POST',
      url: '/api-keys',
      headers,
      payload: { name: 'by session' },
    })
    expect(made.status).toBe(201)
    expect((await service.inject({ url: '/admin/api-keys', headers })).status).toBe(200)
  })

  test('gives another session each time', async () => {
    const [one, another] = [await openPrinted(service), await openPrinted(service)]

    expect(one.cookie).not.toBe(another.cookie)
    expect((await me(service, one)).status).toBe(200)
  })

  test('makes nothing of a session that was planted before', async () => {
    const planted = await openPrinted(service)

    const answer = await service.inject({ url: `/?api_key=${service.key}`, headers: planted })

    expect(String(answer.headers['set-cookie'])).not.toContain(planted.cookie)
    expect((await me(service, planted)).status).toBe(401)
  })

  test.each([
    ['a wrong key', 401, '/?api_key=lk_wrong'],
    ['no value', 401, '/?api_key='],
    ['a wrong key at the documentation', 401, '/docs?api_key=wrong'],
    ['two keys', 400, '/?api_key=KEY&api_key=KEY'],
    ['two spellings', 400, '/?api_key=KEY&api-key=wrong'],
  ])('with %s opens nothing, and a person reads how to get in', async (_what, status, url) => {
    const before = await countSessions()

    const answer = await open(service, url.replaceAll('KEY', service.key))

    expect(answer.status).toBe(status)
    expect(answer.headers['content-type']).toMatch('text/html')
    expect(answer.headers['referrer-policy']).toBe('no-referrer')
    expect(answer.body).toContain(`${service.url}/auth/login`)
    expect(answer.body).not.toMatch(/<script|lk_wrong/)
    expect(answer.body).not.toContain(service.key)
    expect(answer.headers['set-cookie']).toBeUndefined()
    expect(await countSessions()).toBe(before)
  })

  test('with the key in a header opens nothing: a page of another site could not have it sent', async () => {
    const answer = await service.inject({ url: '/', headers: { 'x-api-key': service.key } })

    expect(answer.status).toBe(302)
    expect(answer.headers['set-cookie']).toBeUndefined()
  })

  test('leads to the printed name first, where it is opened by another of this machine', async () => {
    const url = `/?api_key=${service.key}`
    const answer = await service.inject({ url, headers: { host: `localhost:${service.config.port}` } })

    expect([answer.status, answer.headers.location]).toEqual([307, service.openingUrl])
    expect(answer.headers['set-cookie']).toBeUndefined()
  })

  test('leads nowhere else, whatever stands before the key', async () => {
    for (const url of [
      '//evil.example/?api_key=KEY',
      '/docs//evil.example?api_key=KEY',
      '/docs/..//?api_key=KEY',
    ]) {
      const answer = await open(service, url.replace('KEY', service.key))

      expect(String(answer.headers.location ?? '')).not.toContain('evil')
      expect(answer.headers['set-cookie']).toBeUndefined()
    }
  })
})

test('whoever guesses must wait, and whoever has the key need not', async () => {
  const slow = await startSingleUser({ REFUSED_RATE_PER_MINUTE: '3' })
  const statuses = []
  for (const _ of [1, 2, 3, 4]) statuses.push(await open(slow, '/?api_key=guess'))
  const right = await open(slow, `/?api_key=${slow.key}`)
  const byHeader = await me(slow, { 'x-api-key': slow.key })
  await slow.close()

  expect(statuses.map(({ status }) => status)).toEqual([401, 401, 401, 429])
  expect(Number(statuses[3]?.headers['retry-after'])).toBeGreaterThan(0)
  expect([right.status, byHeader.status]).toEqual([303, 200])
})

test('the ledger tells of whoever came with a wrong key, and not with which', async () => {
  await open(service, '/?api_key=lk_guessed')

  const headers = { 'x-api-key': service.key }
  const { json, body } = await service.inject({ url: '/admin/audit?action=login.refused&limit=1', headers })
  expect(json.items[0]).toMatchObject({
    action: 'login.refused',
    address: '127.0.0.1',
    details: { reason: expect.stringContaining('not the key of this start') },
  })
  expect(body).not.toContain('lk_guessed')
})

describe('without a session', () => {
  test('a person reads how to get in', async () => {
    const answer = await open(service, '/auth/login?return_to=/docs')

    expect(answer.status).toBe(200)
    expect(answer.body).toContain('Open the URL that the start of the service printed')
    expect(answer.body).not.toContain(service.key.slice(0, 11))
    expect(answer.headers['set-cookie']).toBeUndefined()
  })

  test('a program reads that nobody logs in here', async () => {
    expectProblem(await service.inject({ url: '/auth/login' }), 404, 'not_found')
  })

  test('the start page leads to the documentation, which tells nothing of the key', async () => {
    const start = await open(service, '/')
    const pages = await Promise.all(
      ['/docs', '/docs/json', '/docs/static/theme/login-bar.js', '/docs/static/swagger-initializer.js'].map(
        (url) => open(service, url),
      ),
    )

    expect([start.status, start.headers.location]).toEqual([302, `${service.url}/docs`])
    for (const page of pages) {
      expect(page.status).toBe(200)
      expect(page.body).not.toContain(service.key.slice(0, 11))
    }
  })
})

describe('a logout', () => {
  const logOut = (headers: Record<string, string>) =>
    service.inject({ method: 'POST', url: '/auth/logout', headers })

  test('ends the session for good, and leads to the start page', async () => {
    const headers = await openPrinted(service)

    const answer = await logOut(headers)

    expect([answer.status, answer.headers.location]).toEqual([303, `${service.url}/`])
    expectProblem(await me(service, headers), 401, 'not_authenticated')
  })

  test('is not had by a page of another site', async () => {
    const { cookie } = await openPrinted(service)

    for (const origin of ['https://evil.example', 'null']) {
      expectProblem(await logOut({ cookie, origin }), 403, 'cross_site_request')
    }
    expectProblem(await logOut({ cookie }), 403, 'cross_site_request')
    expect((await me(service, { cookie })).status).toBe(200)
  })
})

test('a session changes nothing for a page of another site', async () => {
  const { cookie } = await openPrinted(service)

  const answer = await service.inject({
    method: 'POST',
    url: '/api-keys',
    headers: { cookie, origin: 'https://evil.example' },
    payload: { name: 'stolen' },
  })

  expectProblem(answer, 403, 'cross_site_request')
})

describe('the document', () => {
  test('offers the key and the session, and no login', async () => {
    const { json: document } = await service.inject({ url: '/docs/json' })

    expect(Object.keys(document.components.securitySchemes)).toEqual(['apiKey', 'session'])
    expect(document.paths['/me'].get.security).toEqual([{ apiKey: [] }, { session: [] }])
    expect(document.paths['/api-keys'].post.security).toEqual([{ session: [] }])
    expect(JSON.stringify(document)).not.toMatch(/openid|dev-idp/)
  })

  test('has a page that asks this site alone', async () => {
    const page = await service.inject({ url: '/docs' })
    const initializer = await service.inject({ url: '/docs/static/swagger-initializer.js' })

    expect(page.headers['content-security-policy']).toContain("connect-src 'self'; form-action 'self'; ")
    expect(initializer.body).not.toMatch(/clientId/)
  })
})
