import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { subjects } from '../keys/requests.js'
import { asAdministrator } from '../services/administrator.js'
import { encryptionSecret, type OtherReplica, openOtherReplica } from '../support/other-replica.js'
import { type CreatedKey, startService, type TestService } from '../support/service.js'
import { setServices } from '../support/services.js'
import { startUpstream, type Upstream } from '../support/upstream.js'
import { makeLink } from './links.js'

const now = '2026-11-21T12:00:00.000Z'

let upstream: Upstream
let endless: Upstream
let streams: ServerResponse[] = []
let replica: OtherReplica
let service: TestService
let key: CreatedKey
let url: string

beforeAll(async () => {
  upstream = await startUpstream()
  endless = await startUpstream((_request, response) => {
    streams.push(response)
    response.writeHead(200).write('begun')
  })
  replica = await openOtherReplica({ clock: () => service.clock.now() })
  service = await startService(
    { KEY_ENCRYPTION_SECRET: encryptionSecret, MAX_KEYS_PER_USER: '1000' },
    { hasGateway: true, db: replica.db },
  )
  await setServices(service, { id: 'echo', target: upstream.url }, { id: 'endless', target: endless.url })
})
beforeEach(async () => {
  streams = []
  service.clock.freeze(now)
  key = await service.createKey('alice')
  url = await makeLink(service, key, '/echo/tiles')
  expect(await statusOf(url)).toBe(200)
})
afterAll(async () => {
  await service.close()
  await Promise.all([upstream.close(), endless.close()])
})

const statusOf = async (link: string) => (await fetch(link)).status
async function change(method: 'POST' | 'PATCH' | 'DELETE', more: string, payload?: object): Promise<void> {
  const answer = await service.inject({
    ...{ method, url: `/api-keys/${key.id}${more}`, headers: await service.as('alice') },
    ...(payload === undefined ? {} : { payload }),
  })
  if (answer.status >= 300) throw new Error(answer.body)
}
async function administer(method: 'POST' | 'PUT', path: string, payload: object): Promise<void> {
  const headers = await asAdministrator(service)
  const answer = await service.inject({ method, url: path, headers, payload })
  if (answer.status >= 300) throw new Error(answer.body)
}
const turn = (disabled: boolean) =>
  administer('PUT', '/admin/providers/api-key', { name: 'api-key', type: 'api-key', disabled })
async function setOwner(enabled: boolean): Promise<void> {
  await service.db.prisma.owner.update({ where: { subject: subjects.alice }, data: { enabled } })
  replica.tell({ owner: subjects.alice })
}

describe('a link dies with its key, on the next call, when it is', () => {
  test.each<[string, () => Promise<void>]>([
    ['revoked', () => change('POST', '/revoke')],
    ['rotated', () => change('POST', '/rotate')],
    ['rotated, though the old value goes on', () => change('POST', '/rotate', { grace_seconds: 60 })],
    ['deleted', () => change('DELETE', '')],
    ['disabled', () => change('PATCH', '', { enabled: false })],
    [
      'revoked with all of its owner’s',
      () => administer('POST', `/admin/users/${subjects.alice}/api-keys/revoke`, {}),
    ],
  ])('%s', async (_how, end) => {
    await end()

    const answer = await fetch(url)

    expect(answer.status).toBe(401)
    expect(await answer.json()).toMatchObject({ code: 'invalid_credential' })
  })

  test('switched off with all keys, and works again with them', async () => {
    await turn(true)
    const off = await statusOf(url)
    await turn(false)

    expect([off, await statusOf(url)]).toEqual([401, 200])
  })

  test('of an owner who is disabled, as another replica tells', async () => {
    await setOwner(false)
    const disabled = await statusOf(url)
    await setOwner(true)

    expect([disabled, await statusOf(url)]).toEqual([401, 200])
  })

  test('at its end, to the millisecond', async () => {
    key = await service.createKey('alice', { expires_in: 10 })
    url = await makeLink(service, key, '/echo/tiles')

    service.clock.advance(9999)
    const before = await statusOf(url)
    service.clock.advance(1)

    expect([before, await statusOf(url)]).toEqual([200, 401])
  })
})

test('a link of a key that was deleted opens nothing for the next that is imported under its id', async () => {
  const secret = 'a secret of the old gateway, long enough'.replaceAll(/[ ,]/g, '-')
  const take = (owner: string) =>
    administer('POST', '/admin/api-keys', { name: 'from before', id: 'station-7', secret, owner })
  await service.createKey('bob')
  await take(subjects.alice)
  key = { ...key, id: 'station-7' }
  url = await makeLink(service, key, '/echo/tiles')
  const before = await statusOf(url)

  await change('DELETE', '')
  await take(subjects.bob)

  expect([before, await statusOf(url)]).toEqual([200, 401])
})

describe('a link of a key that works again', () => {
  test.each<[string, () => Promise<void>]>([
    ['a revocation', () => change('POST', '/revoke')],
    [
      'a revocation for another reason, twice',
      async () => {
        await change('POST', '/revoke')
        await change('POST', '/renew')
        await change('POST', '/revoke')
      },
    ],
  ])('stays dead after %s and a renewal, while a new one works', async (_how, end) => {
    await end()
    await change('POST', '/renew')

    expect(await statusOf(url)).toBe(401)
    expect(await statusOf(await makeLink(service, key, '/echo/tiles'))).toBe(200)
  })

  test('stays dead also where it was made in the very millisecond of the revocation', async () => {
    const made = await makeLink(service, key, '/echo/tiles')
    await change('POST', '/revoke')
    await change('POST', '/renew')

    expect(await statusOf(made)).toBe(401)
  })

  test('stays dead also where a clock was set back since', async () => {
    await change('POST', '/revoke')
    service.clock.freeze('2026-11-21T11:00:00.000Z')
    await change('POST', '/renew')

    expect(await statusOf(url)).toBe(401)
    expect(await statusOf(await makeLink(service, key, '/echo/tiles'))).toBe(200)
  })

  test('works again after a pause', async () => {
    await change('PATCH', '', { enabled: false })
    await change('PATCH', '', { enabled: true })

    expect(await statusOf(url)).toBe(200)
  })
})

describe('a link ends', () => {
  test('to the millisecond, though it was just used', async () => {
    const short = await makeLink(service, key, '/echo', { expires_in: 10 })

    service.clock.advance(9999)
    const before = await statusOf(short)
    service.clock.advance(1)

    expect([before, await statusOf(short)]).toEqual([200, 401])
  })

  test('no later for the lease of life that its key is given', async () => {
    const short = await makeLink(service, key, '/echo', { expires_in: 10 })
    await change('POST', '/renew', { expires_at: '2026-12-21T12:00:00.000Z' })

    service.clock.advance(10_000)

    expect(await statusOf(short)).toBe(401)
    expect(await statusOf(url)).toBe(200)
  })

  test('after a day, and until then works also long after it was last looked at', async () => {
    const long = await makeLink(service, key, '/echo', { expires_in: 86_400 })

    service.clock.advance(86_399_999)
    const before = await statusOf(long)
    service.clock.advance(1)

    expect([before, await statusOf(long)]).toEqual([200, 401])
  })
})

describe('a download through a link is cut within a second', () => {
  async function download(link: string): Promise<Response> {
    const answer = await fetch(link)
    expect(answer.status).toBe(200)
    return answer
  }
  const timed = async (answer: Response) => {
    const from = performance.now()
    await expect(answer.text()).rejects.toThrow()
    return performance.now() - from
  }

  test('of the revocation of its key', async () => {
    const answer = await download(await makeLink(service, key, '/endless/a.tif'))
    const closed = once(streams[0] as ServerResponse, 'close')

    await change('POST', '/revoke')

    expect(await timed(answer)).toBeLessThan(2500)
    await closed
  })

  test('of its own end, while the same by the key goes on', async () => {
    const byLink = await download(await makeLink(service, key, '/endless/a.tif', { expires_in: 10 }))
    const byKey = await fetch(`${service.gatewayUrl}/endless/a.tif`, { headers: { 'x-api-key': key.value } })

    service.clock.advance(10_000)

    expect(await timed(byLink)).toBeLessThan(2500)
    streams[1]?.end(' and ended')
    expect(await byKey.text()).toBe('begun and ended')
  })
})
