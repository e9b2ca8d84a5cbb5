import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import { describe, expect, test, vi } from 'vitest'
import { FaultLog, nameError } from '../../src/log/faults.js'
import { loggerOptions } from '../../src/log/options.js'

const everyMs = 50

/** A logger as the service has it, and its lines. */
function aLog(options: { maxFaults?: number; level?: string } = {}) {
  const lines: Record<string, unknown>[] = []
  const stream = { write: (line: string) => lines.push(JSON.parse(line)) }
  const faults = new FaultLog({ everyMs, ...options })
  const logger = { ...loggerOptions(options.level ?? 'info', 'lk', 'Otoroshi', [], faults), stream }
  const { log } = Fastify({ logger })
  const messages = () => lines.map(({ msg }) => msg)
  return { log, lines, messages }
}
const away = () =>
  new Error('The database could not be asked', { cause: new Error('connect ECONNREFUSED 127.0.0.1:5432') })
const flood = (log: ReturnType<typeof aLog>['log'], times: number, make = away) => {
  for (let time = 0; time < times; time += 1)
    log.child({ reqId: `r${time}` }).error({ err: make() }, 'unavailable')
}

describe('a fault that many requests meet', () => {
  test('is one line, then a count, and then its end', async () => {
    const { log, lines, messages } = aLog()

    flood(log, 1000)
    expect(messages()).toEqual(['unavailable'])
    await vi.waitFor(() =>
      expect(messages()).toEqual(['unavailable', 'a fault goes on', 'a fault has ended']),
    )

    expect(lines[0]).toMatchObject({
      level: 50,
      reqId: 'r0',
      err: { message: expect.stringContaining('5432') },
    })
    expect(lines[1]).toMatchObject({
      ...{ level: 50, reqId: 'r0', fault: 'unavailable', times: 999 },
      requests: ['r1', 'r2', 'r3', 'r4', 'r5'],
    })
    expect(lines[2]).toMatchObject({ level: 50, fault: 'unavailable', times: 1000 })
    expect(Date.parse(String(lines[2]?.since))).toBeLessThanOrEqual(Date.parse(String(lines[2]?.last)))
    expect(JSON.stringify(lines.slice(1)).length).toBeLessThan(1000)
  })

  test('is a line in full again when it comes back after its end', async () => {
    const { log, messages } = aLog()
    flood(log, 2)
    await vi.waitFor(() => expect(messages()).toContain('a fault has ended'))

    flood(log, 2)

    expect(messages().filter((message) => message === 'unavailable')).toHaveLength(2)
  })

  test('is the same whichever port or id stands in its text, and another by its words, message or service', () => {
    const { log, messages } = aLog()
    const because = (text: string) => () => new Error('down', { cause: new Error(text) })

    flood(log, 1, because('connect ECONNREFUSED 127.0.0.1:5432'))
    flood(log, 1, because('connect ECONNREFUSED 127.0.0.1:6000'))
    flood(log, 1, because('connect ETIMEDOUT 127.0.0.1:5432'))
    log.error({ err: new Error('down') }, 'another message')
    for (const service of ['one', 'two', 'one']) {
      log.warn({ fault: { name: 'Error', message: 'x', code: 'ECONNREFUSED' }, service }, 'no answer')
    }

    expect(messages()).toEqual(['unavailable', 'unavailable', 'another message', 'no answer', 'no answer'])
  })
})

test('a service that cannot be reached is one fault, and each way in which it breaks answers is another', () => {
  const { log, messages } = aLog()
  const names = ['Error', 'HeadersTimeoutError', 'HTTPParserError', 'SocketError', 'BodyTimeoutError']

  for (const name of [...names, ...names]) log.warn({ fault: { name, message: 'x' }, service: 'one' }, name)

  expect(messages()).toEqual(names)
})

test('a fault that is met once is one line, and nothing after it', async () => {
  const { log, messages } = aLog()

  flood(log, 1)
  await sleep(everyMs * 3)

  expect(messages()).toEqual(['unavailable'])
})

test('faults beyond the hundred that are told apart are counted as one, so that memory is bounded', async () => {
  const { log, messages } = aLog({ maxFaults: 3 })

  for (const word of 'abcdefghij') flood(log, 2, () => new Error(word))

  expect(messages()).toHaveLength(4)
  await vi.waitFor(() =>
    expect(messages().filter((message) => message === 'a fault has ended')).toHaveLength(4),
  )
})

test('lines that tell of no fault are written, each one', () => {
  const { log, messages } = aLog()

  for (let time = 0; time < 3; time += 1) {
    log.info({ err: new Error('x') }, 'refused')
    log.warn({ missing: ['issuer'] }, 'does not answer')
    log.fatal({ err: new Error('x') }, 'the end')
    log.info('a text')
    log.error('another')
  }

  expect(messages()).toHaveLength(15)
})

test('an error that is logged by itself is counted too', () => {
  const { log, messages } = aLog()

  for (let time = 0; time < 3; time += 1) log.error(new TypeError('x'))

  expect(messages()).toEqual(['x'])
})

test('an error is named by itself and its causes, and a circle of causes ends', () => {
  const error = Object.assign(new Error('a 12'), { code: 'E' })
  error.cause = error

  expect(nameError(error)).toBe('Error E a # < Error E a # < Error E a #')
  expect(nameError('x')).toBe('')
})
