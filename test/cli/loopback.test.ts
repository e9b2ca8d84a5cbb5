import { request } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { type Listener, listenForAnswer } from '../../src/cli/login/loopback.js'

let listener: Listener
afterEach(() => listener.close())

interface Reply {
  status: number | undefined
  headers: Record<string, unknown>
  body: string
}

/** One request as anything on this machine could send it. */
function ask(path: string, options: { method?: string; host?: string } = {}): Promise<Reply> {
  const { port, host } = new URL(listener.redirectUri)
  return new Promise((resolve, reject) => {
    const headers = { host: options.host ?? host }
    request({ host: '127.0.0.1', port, path, method: options.method ?? 'GET', headers }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }))
    })
      .on('error', reject)
      .end()
  })
}

test('the answer to the state is taken, with a page that says to go back to the terminal', async () => {
  listener = await listenForAnswer({ state: 'the-state' })

  const reply = await ask('/callback?code=the-code&state=the-state')

  expect(reply.status).toBe(200)
  expect(reply.body).toContain('Go back to the terminal')
  expect(reply.body).not.toContain('the-code')
  expect(reply.headers).toMatchObject({
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
  })
  expect((await listener.answer).href).toBe(`${listener.redirectUri}?code=the-code&state=the-state`)
})

test('it is only to be reached from this machine, and by its number', async () => {
  listener = await listenForAnswer({ state: 'the-state' })

  expect(listener.redirectUri).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/)
})

describe('no answer is', () => {
  test.each<[string, string, Parameters<typeof ask>[1]]>([
    ['another state', '/callback?code=a&state=another', {}],
    ['none', '/callback?code=a', {}],
    ['two states', '/callback?code=a&state=the-state&state=another', {}],
    ['another path', '/?code=a&state=the-state', {}],
    ['a path that begins alike', '/callbacks?code=a&state=the-state', {}],
    ['a POST', '/callback?code=a&state=the-state', { method: 'POST' }],
    ['a HEAD, as of what looks at links', '/callback?code=a&state=the-state', { method: 'HEAD' }],
    ['a name that somebody made lead here', '/callback?code=a&state=the-state', { host: 'evil.example' }],
  ])('%s', async (_what, path, options) => {
    listener = await listenForAnswer({ state: 'the-state' })

    const reply = await ask(path, options)
    const real = await ask('/callback?code=b&state=the-state')

    expect(reply.status).toBe(404)
    expect(real.status).toBe(200)
    expect((await listener.answer).searchParams.get('code')).toBe('b')
  })
})

test('nobody is waited for longer than told', async () => {
  listener = await listenForAnswer({ state: 'the-state', timeoutMs: 20 })

  await expect(listener.answer).rejects.toThrow('nobody logged in in time')
})

test('after the end the port is free', async () => {
  listener = await listenForAnswer({ state: 'the-state' })

  listener.close()

  await expect(ask('/callback?code=a&state=the-state')).rejects.toThrow('ECONNREFUSED')
})
