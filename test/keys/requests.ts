import { crc32 } from 'node:zlib'
import { expect } from 'vitest'
import { newKeyId, newValue } from '../../src/keys/value.js'
import type { Answer, TestService } from '../support/service.js'

/** Shortcuts for what nearly every test of keys asks through the front door. */
export function requestsTo(service: () => TestService) {
  return {
    /** As a person with a token of this service's own client. */
    async as(person: 'alice' | 'bob', method: Method, url: string, payload?: unknown): Promise<Answer> {
      const headers = await service().as(person)
      return service().inject({
        method,
        url,
        headers,
        ...(payload === undefined ? {} : { payload: asBody(payload) }),
      })
    },
    /** With a key's value. */
    with(value: string, method: Method = 'GET', url = '/me', payload?: unknown): Promise<Answer> {
      const headers = { 'x-api-key': value }
      return service().inject({
        method,
        url,
        headers,
        ...(payload === undefined ? {} : { payload: asBody(payload) }),
      })
    },
    /** JSON exactly as written. */
    async raw(person: 'alice' | 'bob', method: Method, url: string, body: string, type = 'application/json') {
      const headers = { ...(await service().as(person)), 'content-type': type }
      return service().inject({ method, url, headers, payload: body })
    },
    async status(value: string): Promise<number> {
      return (await this.with(value)).status
    },
    /** How many rows a change could have left. */
    async countRows() {
      const { prisma } = service().db
      const [keys, values, audit] = await Promise.all([
        prisma.apiKey.count(),
        prisma.apiKeyValue.count(),
        prisma.auditEvent.count(),
      ])
      return { keys, values, audit }
    },
  }
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT'
const asBody = (payload: unknown) => payload as object

export const subjects = {
  alice: '11111111-1111-4111-8111-111111111111',
  bob: '22222222-2222-4222-8222-222222222222',
}

/** Holds an answer against what every refusal is: a problem document that tells nothing else. */
export function expectProblem(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, code: answer.json?.code, body: answer.body }).toMatchObject({
    status,
    code,
  })
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
  expect(answer.headers['cache-control']).toBe('no-store')
  expect(answer.json.status).toBe(status)
  expect(answer.json.requestId).toBe(answer.headers['x-request-id'])
  expect(answer.body).not.toMatch(/prisma|select |stack|node_modules/i)
}

/** Holds a 400 against the members that were wrong. */
export function expectInvalid(answer: Answer, ...paths: string[]): void {
  expectProblem(answer, 400, 'validation_failed')
  const named = answer.json.errors.map(({ path }: { path: string }) => path)
  expect([...new Set(named)].sort()).toEqual([...paths].sort())
}

/** Everything but what differs between any two refusals. */
export function withoutRequestId(answer: Answer) {
  const { requestId, ...rest } = answer.json
  expect(requestId).toBeTypeOf('string')
  return { status: answer.status, ...rest }
}

const random = (size: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(size)))

/** A value of the right shape and checksum that nobody was given. */
export const aForgedValue = (id = newKeyId(random), prefix = 'lk') => newValue(prefix, id, random)

/** The checksum as section 2 describes it, written again from the contract. */
export function checksumOf(body: string): string {
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  let rest = crc32(body)
  let text = ''
  while (rest > 0) {
    text = digits[rest % 62] + text
    rest = Math.floor(rest / 62)
  }
  return text.padStart(6, '0')
}
