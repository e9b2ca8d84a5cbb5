import { randomInt, randomUUID } from 'node:crypto'
import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, type Judge, type Outcome } from './judge.js'
import type { Place } from './world.js'

/** For how long a refused value is tried after its end. */
const watchMs = 1500
/** A value that works again or anew must be known everywhere by then. It usually takes a few milliseconds. */
const knownWithinMs = 1000

interface Held {
  id: string
  value: string
}

/** Makes keys, uses them, ends them in every way there is, and looks whether each is taken for what it is. */
export async function liveKeys(place: Place, judge: Judge, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const key = await makeKey(place, judge)
    if (key === null) continue
    await useKey(place, judge, key.value, 'a good key', randomInt(1, 12))
    const end = [revoke, rotate, pause, withLink, withStream][randomInt(5)] as typeof revoke
    await end(place, judge, key)
  }
}

async function makeKey(place: Place, judge: Judge, wanted: object = {}): Promise<Held | null> {
  const outcome = await ask(`${place.url}/api-keys`, {
    method: 'POST',
    headers: await place.manage(),
    body: { name: randomUUID(), ...wanted },
  })
  const status = judge.take(place, 'making a key', outcome)
  if (status === null) return null
  if (status === 201) return outcome.json as Held
  judge.wrong.push(judge.describe(place, 'making a key', outcome))
  return null
}

/** @returns whether the change was acknowledged; a change that broke off may have been made */
async function change(place: Place, judge: Judge, method: string, path: string, body?: object) {
  const headers = await place.manage()
  const outcome = await ask(`${place.url}/api-keys/${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  })
  const status = judge.take(place, `${method} ${path.split('/')[1] ?? 'a key'}`, outcome)
  if (status !== null && status >= 300) judge.wrong.push(judge.describe(place, `${method} ${path}`, outcome))
  return { isDone: status !== null && status < 300, at: outcome.endedAt, json: outcome.json }
}

const paths = ['/echo', '/echo/a//b', '/echo/A%20b;v=1']

function present(value: string): Record<string, string> {
  const forms = [
    { 'x-api-key': value },
    { authorization: `Apikey ${value}` },
    { authorization: `Bearer ${value}` },
  ]
  return forms[randomInt(forms.length)] as Record<string, string>
}

async function useKey(place: Place, judge: Judge, value: string, what: string, times: number): Promise<void> {
  for (let at = 0; at < times; at += 1) {
    const url = Math.random() < 0.5 ? `${place.url}/me` : place.gatewayUrl + paths[randomInt(paths.length)]
    const outcome = await ask(url, { headers: present(value) })
    const status = judge.take(place, what, outcome)
    if (status !== null && status !== 200) judge.wrong.push(judge.describe(place, what, outcome))
  }
}

const useOnce = (place: Place, value: string) =>
  ask(Math.random() < 0.5 ? `${place.url}/me` : `${place.gatewayUrl}/echo`, { headers: present(value) })

/** Uses a value that became good: the other replica may not know it yet, and its no is no wrong one then. */
async function useNewlyGood(
  place: Place,
  judge: Judge,
  value: string,
  what: string,
  since: number,
): Promise<void> {
  for (let good = 0; good < 3; ) {
    const outcome = await useOnce(place, value)
    const status = judge.take(place, what, outcome)
    if (status === null) return
    const lateMs = outcome.sentAt - since
    if (status === 401 && place.maxLateMs > 0 && lateMs < knownWithinMs) {
      judge.knownLateMs = Math.max(judge.knownLateMs, lateMs)
      continue
    }
    if (status !== 200) judge.wrong.push(judge.describe(place, `${what}, ${lateMs} ms later`, outcome))
    good += 1
  }
}

/** Tries what has ended again and again: a yes after the longest time is wrong. */
async function expectRefused(
  place: Place,
  judge: Judge,
  what: string,
  endedAt: number,
  use: () => Promise<Outcome>,
): Promise<void> {
  let late = 0
  while (Date.now() < endedAt + watchMs) {
    const outcome = await use()
    const status = judge.take(place, what, outcome)
    if (status === null || status === 401) continue
    const lateMs = outcome.sentAt - endedAt
    late = Math.max(late, lateMs)
    const isLate = status === 200 && lateMs <= place.maxLateMs
    if (!isLate) judge.wrong.push(judge.describe(place, `${what}, ${lateMs} ms later`, outcome))
  }
  if (place.maxLateMs > 0) judge.lateMs.push(late)
}

async function revoke(place: Place, judge: Judge, { id, value }: Held): Promise<void> {
  const [method, path] = Math.random() < 0.5 ? ['POST', `${id}/revoke`] : ['DELETE', id]
  const { isDone, at } = await change(place, judge, method as string, path as string)
  if (isDone) await expectRefused(place, judge, 'an ended key', at, () => useOnce(place, value))
}

async function rotate(place: Place, judge: Judge, { id, value }: Held): Promise<void> {
  const graceSeconds = randomInt(2) * 600
  const { isDone, at, json } = await change(place, judge, 'POST', `${id}/rotate`, {
    grace_seconds: graceSeconds,
  })
  if (!isDone) return
  await useNewlyGood(place, judge, (json as Held).value, 'a rotated key', at)
  if (graceSeconds === 0) await expectRefused(place, judge, 'an ended key', at, () => useOnce(place, value))
  else await useKey(place, judge, value, 'a key within its grace', 3)
}

async function pause(place: Place, judge: Judge, { id, value }: Held): Promise<void> {
  const { isDone, at } = await change(place, judge, 'PATCH', id, { enabled: false })
  if (!isDone) return
  await expectRefused(place, judge, 'an ended key', at, () => useOnce(place, value))
  const enabled = await change(place, judge, 'PATCH', id, { enabled: true })
  if (!enabled.isDone) return
  await useNewlyGood(place, judge, value, 'an enabled key', enabled.at)
}

async function withLink(place: Place, judge: Judge, held: Held): Promise<void> {
  const made = await change(place, judge, 'POST', `${held.id}/links`, {
    path: '/echo/tiles',
    expires_in: 600,
  })
  if (!made.isDone) return
  const { pathname } = new URL((made.json as { url: string }).url)
  await expectLink(place, judge, pathname, 200)
  await expectLink(place, judge, `${pathname}/a`, 200)
  for (const outside of ['', '2', '/..;/other', '/%252e%252e/other']) {
    const path = outside === '' ? pathname.replace(/tiles$/, 'other') : pathname + outside
    await expectLink(place, judge, path, outside.startsWith('/') ? 400 : 403)
  }
  const { isDone, at } = await change(place, judge, 'POST', `${held.id}/revoke`)
  if (!isDone) return
  await expectRefused(place, judge, 'a link of an ended key', at, () => ask(place.gatewayUrl + pathname))
}

async function expectLink(place: Place, judge: Judge, path: string, wanted: number): Promise<void> {
  const outcome = await ask(place.gatewayUrl + path)
  const status = judge.take(place, 'a link', outcome)
  if (status !== null && status !== wanted) {
    judge.wrong.push(judge.describe(place, `a link, for ${wanted} at ${path.slice(-30)}`, outcome))
  }
}

/** A stream ends within a second of the revocation of its key. */
async function withStream(place: Place, judge: Judge, { id, value }: Held): Promise<void> {
  const stream = openStream(`${place.gatewayUrl}/echo/events`, value)
  const isOpen = await Promise.race([stream.opened, sleep(5000).then(() => false)])
  if (!isOpen) return stream.end()
  await sleep(randomInt(500, 3000))
  const { isDone, at } = await change(place, judge, 'POST', `${id}/revoke`)
  if (!isDone) return stream.end()
  const endedAt = await Promise.race([stream.ended, sleep(4000).then(() => null)])
  stream.end()
  // A stream may also have ended with its process.
  const tookMs = endedAt === null ? Number.POSITIVE_INFINITY : endedAt - at
  if (tookMs > 0) judge.streamEndMs.push(tookMs)
  if (tookMs > 1500 && !judge.isExcused(at - 30_000, Date.now())) {
    judge.wrong.push(`${place.name}: a stream lived on for ${tookMs} ms`)
  }
}

function openStream(url: string, value: string) {
  const sent = get(url, { headers: { 'x-api-key': value }, agent: false })
  const opened = new Promise<boolean>((resolve) => {
    sent.on('response', ({ statusCode }) => resolve(statusCode === 200)).on('error', () => resolve(false))
  })
  const ended = new Promise<number>((resolve) => {
    sent.on('close', () => resolve(Date.now())).on('error', () => resolve(Date.now()))
    sent.on('response', (answer) =>
      answer
        .resume()
        .on('error', () => {})
        .on('close', () => resolve(Date.now())),
    )
  })
  return { opened, ended, end: () => void sent.destroy() }
}
