import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Latchkey, UnreachableError } from '../../src/client/index.js'
import { startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'
import {
  hangUp,
  json,
  page,
  problem,
  type ScriptedService,
  secretKey,
  startScriptedService,
} from './scripted-service.js'

let scripted: ScriptedService
afterEach(() => scripted?.close())

describe('at a service behind the gateway', () => {
  let service: TestService
  let upstream: Upstream
  beforeAll(async () => {
    service = await startService({}, { hasGateway: true })
    upstream = await startUpstream()
    await setServices(service, { id: 'echo', target: upstream.url })
  })
  afterAll(async () => {
    await upstream.close()
    await service.close()
  })

  test('the key gets in, and does not reach the service', async () => {
    const { value, id } = await service.createKey('alice')
    const latchkey = new Latchkey({ url: service.url, apiKey: value, origins: [service.gatewayUrl] })

    const answer = await latchkey.fetch(`${service.gatewayUrl}/echo/items`, { method: 'POST', body: 'hello' })

    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ method: 'POST', url: '/items', body: 'hello' })
    expect(upstream.seen.at(-1)?.headers).toMatchObject({ 'latchkey-key-id': id })
    expect(JSON.stringify(upstream.seen)).not.toContain(value)
  })

  test('a refusal is an answer, as fetch has it', async () => {
    const latchkey = new Latchkey({ url: service.url, apiKey: secretKey, origins: [service.gatewayUrl] })

    const answer = await latchkey.fetch(`${service.gatewayUrl}/echo/`)

    expect(answer.status).toBe(401)
    expect(await answer.json()).toMatchObject({ code: 'invalid_credential' })
  })
})

describe('the credential goes', () => {
  test('to the service itself, whose URL relative ones are below', async () => {
    scripted = await startScriptedService(json({}))
    const latchkey = scripted.connect({ url: `${scripted.url}/keys` })

    await latchkey.fetch('catalog/collections')
    await latchkey.fetch('/catalog/collections')

    expect(scripted.seen.map(({ url, headers }) => [url, headers['x-api-key']])).toEqual([
      ['/keys/catalog/collections', secretKey],
      ['/catalog/collections', secretKey],
    ])
  })

  test.each([
    ['http://127.0.0.1:9/x'],
    ['https://gateway.example.org.evil.example/x'],
    ['//evil.example/x'],
    ['https://gateway.example.org@evil.example/x'],
    ['http://gateway.example.org/x'],
    ['https://gateway.example.org:8443/x'],
    ['data:text/plain,x'],
  ])('not to %s, which nobody named', async (target) => {
    const called: unknown[] = []
    const latchkey = new Latchkey({
      url: 'https://keys.example.org',
      apiKey: secretKey,
      origins: ['https://gateway.example.org/some/path'],
      fetch: async (...words) => {
        called.push(words)
        return new Response()
      },
    })

    await expect(latchkey.fetch(target)).rejects.toThrow('may not see the credential')
    expect(called).toEqual([])
  })

  test('nowhere by a redirect, which is given back', async () => {
    const elsewhere = await startScriptedService(json({}))
    scripted = await startScriptedService(
      (response) => void response.writeHead(302, { location: elsewhere.url }).end(),
    )

    const answer = await scripted.connect().fetch('/data')
    await elsewhere.close()

    expect([answer.status, answer.headers.get('location')]).toEqual([302, elsewhere.url])
    expect(elsewhere.seen).toHaveLength(0)
  })

  test('nowhere by a redirect that a program insists on following', async () => {
    const elsewhere = await startScriptedService(json({}))
    scripted = await startScriptedService(
      (response) => void response.writeHead(302, { location: elsewhere.url }).end(),
    )
    const insisting: object = { redirect: 'follow' }

    const answer = await scripted.connect().fetch('/data', insisting)
    await elsewhere.close()

    expect(answer.status).toBe(302)
    expect(elsewhere.seen).toHaveLength(0)
  })

  test('in place of one that the program names', async () => {
    scripted = await startScriptedService(json({}))

    await scripted.connect().fetch('/data', { headers: { 'X-Api-Key': 'another', Accept: 'image/tiff' } })

    expect(scripted.seen[0]?.headers).toMatchObject({ 'x-api-key': secretKey, accept: 'image/tiff' })
  })
})

describe('a call of a service is sent again', () => {
  test('when it reads, and the service is busy or away', async () => {
    scripted = await startScriptedService(
      problem(429, 'rate_limited', { 'retry-after': '1' }),
      hangUp,
      json({ ok: 1 }),
    )

    const answer = await scripted.connect().fetch('/data')

    expect(await answer.json()).toEqual({ ok: 1 })
    expect(scripted.waitsMs).toEqual([1250, 1000])
  })

  test('and its last refusal is given back whole', async () => {
    scripted = await startScriptedService(page(503, 'away'))

    const answer = await scripted.connect().fetch('/data')

    expect([answer.status, await answer.text()]).toEqual([503, 'away'])
    expect(scripted.seen).toHaveLength(3)
  })

  test('never when it writes', async () => {
    scripted = await startScriptedService(problem(503, 'unavailable'), hangUp)
    const latchkey = scripted.connect()

    const refused = await latchkey.fetch('/data', { method: 'POST', body: 'x' })
    const lost = latchkey.fetch('/data', { method: 'POST', body: 'x' })

    expect(refused.status).toBe(503)
    await expect(lost).rejects.toBeInstanceOf(UnreachableError)
    expect(scripted.seen).toHaveLength(2)
  })
})

test('a service may take its time with the body of an answer, not with its beginning', async () => {
  scripted = await startScriptedService((response) => {
    response.writeHead(200).write('slow')
    setTimeout(() => response.end(' end'), 1200)
  })
  const latchkey = scripted.connect({ timeoutMs: 600 })

  const answer = await latchkey.fetch('/data')

  expect(await answer.text()).toBe('slow end')
})

test('who calls ends the body of an answer too', async () => {
  scripted = await startScriptedService((response) => void response.writeHead(200).write('endless'))
  const controller = new AbortController()

  const answer = await scripted.connect().fetch('/data', { signal: controller.signal })
  controller.abort()

  await expect(answer.text()).rejects.toMatchObject({ name: 'AbortError' })
})
