import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dawdle, sendGarbage, spendQuotas } from './attack/attackers.js'
import { ask, closeConnections, Judge } from './attack/judge.js'
import { liveKeys } from './attack/key-lives.js'
import { openWorld, type Place, shutdownDelaySeconds, type World } from './attack/world.js'
import { reportFigures } from './support/report.js'

/** 5 in the long lane, 30 before an issue is called resolved. */
const minutes = Number(process.env.LATCHKEY_SOAK_MINUTES ?? 5)
/** Of the requests that were cut. */
const maxShown = 50
/** The delay and the 20 s of draining. */
const endMs = (shutdownDelaySeconds + 21) * 1000
/** So soon must 99 of 100 ends of keys be known to the other replica, in ms. */
const lateMs = 20
/** Only one of a thousand may take longer, as when the machine stands still for a moment. */
const veryLateMs = 100
/** A process may grow so much between the second third and the last one: caches fill, and V8 collects late. */
const maxGrowth = 1.15

let world: World
beforeAll(async () => {
  world = await openWorld()
})
afterAll(async () => {
  closeConnections()
  await world?.close()
})

test(`${minutes} minutes of attacks, kills and terms change no verdict and cut no request`, {
  timeout: (minutes + 10) * 60_000,
}, async () => {
  const judge = new Judge()
  const end = Date.now() + minutes * 60_000
  const isOver = () => Date.now() >= end
  const places: Place[] = [world.replicas, world.embedded]
  const memory: number[] = []
  const ends = { term: 0, kill: 0 }

  await Promise.all([
    ...places.flatMap((place) => attack(place)),
    spendQuotas(world, judge, isOver),
    endReplicas(),
    watchMemory(),
  ])

  const { wrong, cut, killed, unavailable } = judge
  const growth = median(memory, 2 / 3, 1) / median(memory, 1 / 3, 2 / 3)
  const late = judge.lateMs.toSorted((one, other) => one - other)
  const late99 = late[Math.ceil(late.length * 0.99) - 1]
  const veryLate = late.filter((ms) => ms > veryLateMs).length
  reportFigures(`attack, ${minutes} min`, [
    `${judge.answered} answered`,
    `${wrong.length} wrong`,
    `${cut.length} cut`,
    `${killed} lost with a killed replica`,
    `${unavailable} x 503`,
    `${judge.garbage} attacks`,
    `${judge.stalledPeersEnded} slow peers ended`,
    `${late.length} ends of keys, known at the other replica after ${late99} ms (p99), at most ${late.at(-1)} ms, ${veryLate} after more than ${veryLateMs} ms`,
    `new values known late by at most ${judge.knownLateMs} ms`,
    `${judge.streamEndMs.length} streams ended within ${Math.max(...judge.streamEndMs)} ms`,
    `${judge.limitRounds} quotas`,
    `${ends.term} SIGTERM, ${ends.kill} SIGKILL`,
    `memory ${Math.round(median(memory, 1 / 3, 2 / 3))} to ${Math.round(median(memory, 2 / 3, 1))} MB`,
  ])
  expect({ wrong, cut: cut.slice(0, maxShown) }).toEqual({ wrong: [], cut: [] })
  expect(late99).toBeLessThanOrEqual(lateMs)
  expect(veryLate).toBeLessThanOrEqual(Math.max(1, late.length / 1000))
  expect(world.upstream.smuggled).toBe(0)
  expect(growth).toBeLessThan(maxGrowth)
  expect(unavailable / judge.answered).toBeLessThan(0.001)
  expect(judge.answered).toBeGreaterThan(minutes * 1000)
  expect(Math.min(ends.term, ends.kill)).toBeGreaterThan(0)

  async function attack(place: Place): Promise<void> {
    const made = await ask(`${place.url}/api-keys`, {
      method: 'POST',
      headers: await place.manage(),
      // The single user may do everything, and the other person nothing that a service asks for.
      body: { name: 'of the attackers', ...(place.name === 'embedded' ? { scopes: ['little'] } : {}) },
    })
    if (made.status !== 201) throw new Error(`No key was made: ${judge.describe(place, 'the start', made)}`)
    const { value } = made.json as { value: string }
    await Promise.all([
      ...Array.from({ length: 6 }, () => liveKeys(place, judge, isOver)),
      ...Array.from({ length: 2 }, () => sendGarbage(place, judge, isOver, value)),
      ...Array.from({ length: 6 }, () => dawdle(place, judge, isOver, value)),
    ])
  }

  /** One replica a minute ends, by turns as an operator and as a crash ends it. */
  async function endReplicas(): Promise<void> {
    for (let turn = 0; !isOver(); turn += 1) {
      await sleep(15_000)
      const replica = world.replicas.processes[Math.floor(turn / 2) % 2]
      if (replica === undefined || Date.now() > end - 45_000) continue
      if (turn % 2 === 0) {
        ends.term += 1
        // Fails when it does not end by itself with 0.
        await replica.current.stop(endMs)
      } else {
        ends.kill += 1
        judge.noteKill()
        await replica.current.kill()
      }
      await replica.restart()
      await sleep(15_000)
    }
  }

  async function watchMemory(): Promise<void> {
    while (!isOver()) {
      memory.push(await readMegabytes(world.embedded.pid))
      await sleep(5000)
    }
  }
})

async function readMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
}

/** Of the samples between two parts of the run. */
function median(samples: readonly number[], from: number, to: number): number {
  const part = samples.slice(Math.floor(samples.length * from), Math.floor(samples.length * to))
  return part.toSorted((one, other) => one - other)[Math.floor(part.length / 2)] ?? Number.NaN
}
