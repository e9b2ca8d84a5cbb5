import { randomBytes, randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, type Judge } from './judge.js'
import { type Place, stalledSeconds, type World } from './world.js'

/** Presents what no key is, in every form, and paths that lead around a rule. None may get in, and none is a 5xx. */
export async function sendGarbage(
  place: Place,
  judge: Judge,
  isOver: () => boolean,
  good: string,
): Promise<void> {
  const attempts: (() => Promise<void>)[] = [
    ...[
      () => ({ 'x-api-key': bend(good) }),
      () => ({ authorization: `Bearer ${bend(good)}` }),
      () => ({
        authorization: `Bearer eyJ${randomBytes(40).toString('base64url')}.e30.${randomBytes(32).toString('base64url')}`,
      }),
      () => ({ authorization: `Basic ${Buffer.from(`${good.split('_')[1]}:wrong`).toString('base64')}` }),
      () => ({ cookie: `access_token=${randomBytes(60).toString('base64url')}` }),
      () => ({ 'latchkey-subject': 'root', 'latchkey.via': 'session' }),
    ].map((makeHeaders) => () => expectNo({ headers: makeHeaders() }, [400, 401])),
    ...['//admin', '/Admin', '/admin;x', '/%2Fadmin', '/x/%252e%252e/admin', '/admin%20', '/x/..;/admin'].map(
      (path) => () => expectNo({ path, headers: { 'x-api-key': good } }, [400]),
    ),
    () => expectNo({ path: '/admin', headers: { 'x-api-key': good } }, [403]),
    () => sendBytes(),
  ]
  while (!isOver()) {
    await (attempts[randomInt(attempts.length)] as () => Promise<void>)()
    judge.garbage += 1
    await sleep(randomInt(10))
  }

  async function expectNo(
    { path = '', headers }: { path?: string; headers: Record<string, string> },
    statuses: number[],
  ): Promise<void> {
    const url = path === '' && Math.random() < 0.5 ? `${place.url}/me` : `${place.gatewayUrl}/echo${path}`
    const outcome = await ask(url, { headers })
    const status = judge.take(place, 'garbage', outcome)
    if (status !== null && !statuses.includes(status)) {
      judge.wrong.push(
        judge.describe(place, `garbage ${JSON.stringify(headers).slice(0, 60)} ${path}`, outcome),
      )
    }
  }

  /** Bytes that are no HTTP, and requests within requests: nothing of them may reach the target. */
  async function sendBytes(): Promise<void> {
    const { own, gateway } = place.ports()[randomInt(place.ports().length)] ?? { own: 0, gateway: 0 }
    const smuggled = 'GET /echo/smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'
    const head = `POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: wrong\r\n`
    const bytes = [
      randomBytes(randomInt(1, 2000)),
      `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
      `${head}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n${smuggled}`,
      `${head}Transfer-Encoding: xchunked\r\n\r\n${smuggled}`,
      `GET /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: b\r\n\r\n${smuggled}`,
      `GET /echo HTTP/1.1\r\nHost: evil"; for=1\r\n\r\n`,
      `CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`,
    ]
    const socket = await open(Math.random() < 0.5 ? own : gateway)
    socket?.end(bytes[randomInt(bytes.length)] ?? '')
    await sleep(50)
    socket?.destroy()
  }
}

/** One character of a good value changed. */
function bend(value: string): string {
  const at = randomInt(4, value.length)
  return `${value.slice(0, at)}${value[at] === 'a' ? 'b' : 'a'}${value.slice(at + 1)}`
}

async function open(port: number): Promise<Socket | null> {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(socket)).once('close', () => resolve(null))
  })
}

/** Peers that send or read so slowly that they only hold a connection: each must be ended by the service. */
export async function dawdle(place: Place, judge: Judge, isOver: () => boolean, good: string): Promise<void> {
  const ways = [readNothing, sendHeadSlowly, sendBodySlowly, pipeline]
  while (!isOver()) await (ways[randomInt(ways.length)] as typeof readNothing)()

  async function hold(bytes: string, drip: (() => string) | null, isRead: boolean): Promise<void> {
    const { gateway } = place.ports()[randomInt(place.ports().length)] ?? { gateway: 0 }
    const socket = await open(gateway)
    if (socket === null) return void (await sleep(1000))
    if (isRead) socket.resume()
    else socket.pause()
    socket.write(bytes)
    const timer = drip === null ? null : setInterval(() => socket.write(drip()), 3000)
    const limitMs = (stalledSeconds + 30) * 1000
    const until = Date.now() + limitMs
    let held = true
    while (held && Date.now() < until && !isOver()) {
      await sleep(500)
      held = await isHeld(socket)
    }
    if (timer !== null) clearInterval(timer)
    if (!held) judge.stalledPeersEnded += 1
    else if (!isOver()) {
      judge.wrong.push(
        `${place.name}: a slow peer held a connection for ${limitMs} ms: ${bytes.slice(0, 20)}`,
      )
    }
    socket.destroy()
  }

  function readNothing() {
    return hold(`GET /echo/large HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: ${good}\r\n\r\n`, null, false)
  }
  function sendHeadSlowly() {
    return hold('GET /echo HTTP/1.1\r\nHost: 127.0.0.1\r\n', () => 'X', true)
  }
  function sendBodySlowly() {
    const head = `POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: ${good}\r\nContent-Length: 100000\r\n\r\n`
    return hold(head, () => 'a', true)
  }
  /** Answers are not read: what waits must be bounded. */
  function pipeline() {
    const one = `GET /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: ${good}\r\n\r\n`
    return hold(
      `${one.repeat(300)}GET /echo/large HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: ${good}\r\n\r\n`,
      null,
      false,
    )
  }
}

/** Asks the kernel, because a socket that reads nothing does not hear of its end. */
async function isHeld({ localPort = 0, remotePort = 0, destroyed }: Socket): Promise<boolean> {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0')
  // The side of the service: its port and that of its peer, which connections to other ports may have too; established.
  const wanted = `:${hex(remotePort)} 0100007F:${hex(localPort)} 01 `
  return !destroyed && (await readFile('/proc/net/tcp', 'utf8')).includes(wanted)
}

/** Of a quota of N exactly N calls pass, whichever replica they come to. */
export async function spendQuotas(world: World, judge: Judge, isOver: () => boolean): Promise<void> {
  const quota = 40
  while (!isOver()) {
    const value = await world.replicas.makeLimitedKey(quota).catch(() => null)
    if (value === null) {
      // The database is busy.
      await sleep(1000)
      continue
    }
    const from = Date.now()
    const outcomes = await Promise.all(
      Array.from({ length: quota * 2 }, async (_, at) => {
        await sleep(at * 10)
        return ask(`${world.replicas.gatewayUrl}/echo`, { headers: { 'x-api-key': value } })
      }),
    )
    const statuses = outcomes.map((outcome) => judge.take(world.replicas, 'a limited key', outcome))
    const passed = statuses.filter((status) => status === 200).length
    judge.limitRounds += 1
    // A call that was not answered may have been counted.
    const isWhole = !statuses.includes(null) && !judge.isExcused(from, Date.now())
    if (passed > quota || (isWhole && passed !== quota))
      judge.wrong.push(`a quota of ${quota} let ${passed} pass`)
    await sleep(2000)
  }
}
