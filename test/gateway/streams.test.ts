import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { openConnection } from '../support/raw-http.js'
import { type CreatedKey, findFreePort, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { type SeenRequest, startUpstream, tellWhatCame, type Upstream } from '../support/upstream.js'

vi.setConfig({ testTimeout: 60_000 })

let service: TestService
let key: CreatedKey
let upstreams: Upstream[] = []
const port = () => Number(new URL(service.gatewayUrl).port)
const call = (path: string, init: RequestInit = {}) =>
  fetch(service.gatewayUrl + path, { ...init, headers: { 'x-api-key': key.value, ...init.headers } })

async function serve(listener: RequestListener, wanted: object = {}): Promise<Upstream> {
  const upstream = await startUpstream(listener)
  upstreams.push(upstream)
  await setServices(service, { id: 's', target: upstream.url, ...wanted })
  return upstream
}

beforeAll(async () => {
  service = await startService({}, { hasGateway: true })
  key = await service.createKey('alice')
})
afterEach(async () => {
  await Promise.all(upstreams.map((upstream) => upstream.close()))
  upstreams = []
})
afterAll(() => service.close())

/** A request whose body the test writes. */
function post(path: string, headers: Record<string, string | number> = {}) {
  const request = httpRequest(service.gatewayUrl + path, {
    method: 'POST',
    headers: { 'x-api-key': key.value, ...headers },
  })
  request.on('error', () => {})
  const answer = once(request, 'response').then(([response]) => response as IncomingMessage)
  answer.catch(() => {})
  return { request, answer }
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

describe('an answer', () => {
  test('comes as the service says it: status, reason, repeated headers, bytes', async () => {
    const odd = Buffer.from([0, 255, 10, 13, 0])
    await serve((_request, response) => {
      response.writeHead(207, 'Many Things', [
        ...['X-Case', 'Kept', 'Link', '<a>', 'Link', '<b>', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'],
        ...['Location', 'http://elsewhere.example/x', 'ETag', '"caf\u00e9"'],
      ])
      response.end(odd)
    })

    const connection = await openConnection(port())
    connection.socket.write(
      `GET /s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-API-Key: ${key.value}\r\n\r\n`,
    )
    await connection.closed

    const text = connection.received()
    expect(text).toMatch(/^HTTP\/1\.1 207 Many Things\r\n/)
    for (const line of ['X-Case: Kept', 'Link: <a>', 'Link: <b>', 'Set-Cookie: a=1', 'Set-Cookie: b=2']) {
      expect(text).toContain(`\r\n${line}\r\n`)
    }
    expect(text).toContain('\r\nLocation: http://elsewhere.example/x\r\n')
    expect(text).toContain('\r\nETag: "caf\u00e9"\r\n')
    expect(text).toContain(odd.toString('latin1'))
  })

  test.each([204, 304])('of %i has neither a body nor a type', async (status) => {
    await serve((_request, response) => void response.writeHead(status, { etag: '"a"' }).end())

    const answer = await call('/s')

    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toBeNull()
    expect(await answer.text()).toBe('')
  })

  test.each([
    ['in UTF-8', Buffer.from('見つかりません')],
    ['in Latin-1', Buffer.from('Gr\xf6\xdfe', 'latin1')],
    ['with a control character', Buffer.from('a\x01b')],
  ])('comes whatever its reason is written in: %s', async (_how, reason) => {
    await serve(({ socket }) => {
      socket.write(Buffer.concat([Buffer.from('HTTP/1.1 404 '), reason, Buffer.from('\r\n')]))
      socket.end('Content-Length: 4\r\n\r\nnone')
    })

    const answer = await call('/s', { signal: AbortSignal.timeout(5000) })

    expect(answer.status).toBe(404)
    expect(await answer.text()).toBe('none')
  })

  test.each([600, 999])('of a status that HTTP does not have is none: %i', async (status) => {
    await serve(({ socket }) => void socket.end(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`))

    expect((await call('/s', { signal: AbortSignal.timeout(5000) })).status).toBe(502)
  })

  test('to HEAD tells the length of what it leaves out', async () => {
    await serve((_request, response) => void response.writeHead(200, { 'content-length': 1234 }).end())

    const answer = await call('/s', { method: 'HEAD' })

    expect(answer.headers.get('content-length')).toBe('1234')
  })

  test('is a part where a range is asked for', async () => {
    await serve((request, response) => {
      expect(request.headers.range).toBe('bytes=1-2')
      response.writeHead(206, { 'content-range': 'bytes 1-2/4' }).end('bc')
    })

    const answer = await call('/s', { headers: { range: 'bytes=1-2' } })

    expect([answer.status, answer.headers.get('content-range'), await answer.text()]).toEqual([
      206,
      'bytes 1-2/4',
      'bc',
    ])
  })

  test('begins before the service has said anything but its head', async () => {
    await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    })

    const answer = await call('/s')

    expect(answer.headers.get('content-type')).toBe('text/event-stream')
    await answer.body?.cancel()
  })

  test('passes on each event at once, and a silence longer than the timeout', async () => {
    await serve(
      async (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: 1\n\n')
        await sleep(700)
        response.end('data: 2\n\n')
      },
      { timeout_ms: 200 },
    )

    const answer = await call('/s')
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
    const first = await reader?.read()
    const second = await reader?.read()

    expect([first?.value, second?.value]).toEqual(['data: 1\n\n', 'data: 2\n\n'])
  })

  test('brings its trailers along', async () => {
    await serve((_request, response) => {
      response.writeHead(200, { trailer: 'X-Sum' })
      response.write('a')
      response.addTrailers({ 'X-Sum': '1' })
      response.end()
    })
    const connection = await openConnection(port())

    connection.socket.write(
      `GET /s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-API-Key: ${key.value}\r\n\r\n`,
    )
    await connection.closed

    expect(connection.received()).toMatch(/\r\n0\r\nX-Sum: 1\r\n\r\n$/i)
  })

  test('that breaks off is not taken for a whole one', async () => {
    await serve((_request, response) => {
      response.writeHead(200)
      response.write('the first half')
      setTimeout(() => response.destroy(), 50)
    })

    const answer = await call('/s')

    expect(answer.status).toBe(200)
    await expect(answer.text()).rejects.toThrow()
  })
})

describe('a service that gives no answer', () => {
  test('but refuses connections: 502, without a word about where it is', async () => {
    const closed = await findFreePort()
    await setServices(service, { id: 's', target: `http://127.0.0.1:${closed}` })

    const answer = await call('/s')
    const body = await answer.text()

    expect(answer.status).toBe(502)
    expect(JSON.parse(body)).toMatchObject({ code: 'bad_gateway', status: 502 })
    expect(body).not.toContain(String(closed))
  })

  test('and has a name that nobody knows: 502', async () => {
    await setServices(service, { id: 's', target: 'http://nowhere.invalid' })

    expect((await call('/s')).status).toBe(502)
  })

  test('but closes the connection: 502, and a POST is not sent again', async () => {
    let count = 0
    await serve((request) => {
      count += 1
      request.socket.destroy()
    })

    const answer = await call('/s', { method: 'POST', body: 'a' })

    expect(answer.status).toBe(502)
    expect(count).toBe(1)
  })

  test('but something that is not HTTP: 502', async () => {
    await serve((request) => void request.socket.end('SSH-2.0-OpenSSH\r\n'))

    expect((await call('/s', { method: 'POST', body: 'a' })).status).toBe(502)
  })

  test('in time: 504', async () => {
    await serve(() => {}, { timeout_ms: 300 })

    const answer = await call('/s')

    expect(answer.status).toBe(504)
    expect(await answer.json()).toMatchObject({ code: 'gateway_timeout' })
  })

  test('and does not even let one connect, in time: 504', async () => {
    // It takes the connection and never says a word of TLS.
    const mute = createServer((socket) => void socket.on('error', () => {})).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const { port: mutePort } = mute.address() as AddressInfo
    await setServices(service, { id: 's', target: `https://127.0.0.1:${mutePort}`, timeout_ms: 300 })
    const begun = performance.now()

    const answer = await call('/s')

    expect(answer.status).toBe(504)
    expect(performance.now() - begun).toBeLessThan(3000)
    mute.close()
  })

  test("is nobody else's trouble", async () => {
    const quick = await startUpstream()
    const slow = await startUpstream(() => {})
    upstreams.push(quick, slow)
    await setServices(
      service,
      { id: 'quick', target: quick.url },
      { id: 'slow', target: slow.url, timeout_ms: 2000 },
    )

    const waiting = Array.from({ length: 50 }, () => call('/slow'))
    await sleep(100)
    const begun = performance.now()
    const answers = await Promise.all(Array.from({ length: 20 }, () => call('/quick')))

    expect(answers.every(({ status }) => status === 200)).toBe(true)
    expect(performance.now() - begun).toBeLessThan(1500)
    expect(new Set((await Promise.all(waiting)).map(({ status }) => status))).toEqual(new Set([504]))
  })
})

test('a kept connection that the service has closed is no failure of a GET', async () => {
  const upstream = await serve((_request, response) => void response.end('a'))

  const statuses: number[] = []
  for (let round = 0; round < 20; round += 1) {
    statuses.push((await call('/s')).status)
    upstream.server.closeIdleConnections()
  }

  expect(new Set(statuses)).toEqual(new Set([200]))
})

describe('a body', () => {
  test('arrives while it is still being sent', async () => {
    let heard: (text: string) => void = () => {}
    const first = new Promise<string>((resolve) => {
      heard = resolve
    })
    await serve((request, response) => {
      request.once('data', (chunk) => heard(String(chunk)))
      request.on('end', () => response.end('done'))
    })
    const { request, answer } = post('/s')

    request.write('first')

    expect(await first).toBe('first')
    request.end('second')
    expect(await readAll(await answer)).toBe('done')
  })

  test.each([
    ['told', { 'content-length': 11 }],
    ['not told', {}],
  ])(
    'larger than allowed is refused, its length %s, and the service never gets all of it',
    async (_how, headers) => {
      let received = 0
      let wasWhole = false
      await serve(
        (request, response) => {
          request.on('data', (chunk) => {
            received += chunk.length
          })
          request.on('end', () => {
            wasWhole = true
            response.end()
          })
        },
        { max_body_bytes: 10 },
      )
      const { request, answer } = post('/s', headers)

      request.write('01234')
      await sleep(50)
      request.end('567890')
      const response = await answer

      expect(response.statusCode).toBe(413)
      expect(JSON.parse(await readAll(response))).toMatchObject({ code: 'payload_too_large' })
      expect(received).toBeLessThan(11)
      expect(wasWhole).toBe(false)
    },
  )

  test('may begin late: a connection that its service closes meanwhile is not taken for it', async () => {
    const seen: string[] = []
    // It closes a connection on which nothing comes for 150 ms, as Node does after 5 s.
    const impatient = createServer((socket) => {
      socket.setTimeout(150, () => socket.destroy()).on('error', () => {})
      socket.on('data', (bytes) => {
        seen.push(bytes.toString().split(' ', 1)[0] ?? '')
        if (!/^POST/.test(String(bytes)) || String(bytes).includes('late')) {
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        }
      })
    })
    await once(impatient.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => void impatient.close())
    await setServices(service, {
      id: 's',
      target: `http://127.0.0.1:${(impatient.address() as AddressInfo).port}`,
    })
    await fetch(`${service.gatewayUrl}/s`, { headers: { 'x-api-key': key.value } })

    const { request, answer } = post('/s', { 'content-length': 4 })
    request.flushHeaders()
    await new Promise((resolve) => setTimeout(resolve, 500))
    request.end('late')

    expect((await answer).statusCode).toBe(200)
    expect(seen.filter((method) => method === 'POST')).toHaveLength(1)
  })

  test('that never begins is given up when its client goes', async () => {
    const seen: SeenRequest[] = []
    await serve(tellWhatCame(seen))
    const { request } = post('/s', { 'content-length': 4 })
    request.flushHeaders()
    await new Promise((resolve) => setTimeout(resolve, 100))
    request.destroy()
    await new Promise((resolve) => setTimeout(resolve, 100))

    expect(seen).toEqual([])
    expect((await call('/s')).status).toBe(200)
  })

  test('as large as allowed is taken', async () => {
    await serve((request, response) => void request.resume().on('end', () => response.end()), {
      max_body_bytes: 10,
    })

    const { request, answer } = post('/s')
    request.end('0123456789')

    expect((await answer).statusCode).toBe(200)
  })

  test('that nobody reads to its end is answered, and the connection closed', async () => {
    await serve((_request, response) => void response.writeHead(400).end('no'))
    const { request, answer } = post('/s')

    request.write('first')
    const response = await answer

    expect(response.statusCode).toBe(400)
    expect(response.headers.connection).toBe('close')
    expect(await readAll(response)).toBe('no')
  })

  test('whose sender goes away ends at the service too', async () => {
    let heard: () => void = () => {}
    const gone = new Promise<void>((resolve) => {
      heard = resolve
    })
    let begun: () => void = () => {}
    const came = new Promise<void>((resolve) => {
      begun = resolve
    })
    await serve((request) => {
      begun()
      request.on('close', () => heard()).on('error', () => {})
      request.resume()
    })
    const { request } = post('/s')

    request.write('first')
    await came
    request.destroy()

    await gone
  })
})

test('whoever stops reading an answer frees the service', async () => {
  let closed: () => void = () => {}
  const gone = new Promise<void>((resolve) => {
    closed = resolve
  })
  await serve((_request, response) => {
    response.writeHead(200).write('a')
    response.on('close', () => closed())
  })

  const answer = await call('/s')
  await answer.body?.cancel()

  await gone
})

test('whoever goes away while answers wait behind another frees the service of all of them', async () => {
  let open = 0
  await serve((_request, response) => {
    open += 1
    response.writeHead(200).write('a')
    response.on('close', () => {
      open -= 1
    })
  })
  const request = `GET /s HTTP/1.1\r\nHost: a\r\nX-API-Key: ${key.value}\r\n\r\n`
  const connection = await openConnection(port())
  connection.socket.write(request.repeat(3))
  await vi.waitFor(() => expect(open).toBe(3))

  connection.socket.destroy()

  await vi.waitFor(() => expect(open).toBe(0), { timeout: 3000 })
})

describe('a client that asks before it sends', () => {
  const head = (value: string, length = 4) =>
    `POST /s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-API-Key: ${value}\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`

  test('is told to go on once it has been let in, and the service is not asked', async () => {
    let expectation: string | undefined
    await serve((request, response) => {
      expectation = request.headers.expect
      request.resume().on('end', () => response.end('thanks'))
    })
    const connection = await openConnection(port())

    connection.socket.write(head(key.value))
    await connection.next('100 Continue')
    connection.socket.write('body')
    await connection.closed

    expect(connection.received()).toContain('HTTP/1.1 200')
    expect(connection.received()).toContain('thanks')
    expect(expectation).toBeUndefined()
  })

  test.each([
    ['a wrong key', 401, () => head('lk_wrong')],
    ['too large a body', 413, () => head(key.value, 100)],
  ])('is refused with %s before it sends anything', async (_why, status, text) => {
    await serve((_request, response) => void response.end(), { max_body_bytes: 10 })
    const connection = await openConnection(port())

    connection.socket.write(text())
    await connection.next('\r\n\r\n')
    connection.socket.destroy()

    expect(connection.received()).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
    expect(connection.received()).not.toContain('100 Continue')
  })
})

describe('a body of 1 GiB', () => {
  const gibibyte = 1024 ** 3
  const chunk = Buffer.alloc(65_536, 'x')

  async function measure(work: () => Promise<void>): Promise<number> {
    const before = process.memoryUsage.rss()
    let peak = before
    const timer = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss())
    }, 20)
    await work()
    clearInterval(timer)
    return (peak - before) / 1024 ** 2
  }

  async function pour(writable: NodeJS.WritableStream): Promise<void> {
    for (let sent = 0; sent < gibibyte; sent += chunk.length) {
      if (!writable.write(chunk)) await once(writable, 'drain')
    }
    writable.end()
  }

  test('goes through in both directions, whole and with the memory flat', { timeout: 180_000 }, async () => {
    let received = 0
    await serve(async (request, response) => {
      for await (const part of request) received += part.length
      response.setHeader('content-type', 'application/octet-stream')
      await pour(response)
    })
    let returned = 0

    const grownMiB = await measure(async () => {
      const { request, answer } = post('/s')
      await pour(request)
      for await (const part of await answer) returned += part.length
    })

    expect([received, returned]).toEqual([gibibyte, gibibyte])
    // Client, gateway and service are this one process.
    expect(grownMiB).toBeLessThan(150)
  })
})

test('the same bytes arrive that were sent', async () => {
  await serve((request, response) => void request.pipe(response))
  const body = Buffer.from(Array.from({ length: 1_000_000 }, (_, at) => (at * 31) % 256))

  const answer = await call('/s', { method: 'POST', body })

  const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
  expect(digest(Buffer.from(await answer.arrayBuffer()))).toBe(digest(body))
})
