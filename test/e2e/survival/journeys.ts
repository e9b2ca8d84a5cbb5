import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { requirePostgresql } from '../support/environment.js'
import { type Postgresql, startPostgresql } from '../support/postgresql.js'
import { type Home, makeEmbeddedHome, makePostgresqlHome } from './homes.js'
import { crashDatabase, type KillOutcome, killService } from './kills.js'
import { type TermOutcome, termService } from './terms.js'

export interface Survival {
  kills: number
  crashes: number
  terms: number
  /**
   * How soon the embedded service has to be ready after a kill: of the clock, or of CPU time where others use the cores as
   * well. Not judged by default.
   */
  readyWithinMs?: number
  /** Hears what was measured, before it is judged. */
  report?: { kills(row: string, outcome: KillOutcome): void; terms(row: string, outcome: TermOutcome): void }
}

/** How a service survives its own end; the gate tries it a few times, the soak run often. */
export function describeSurvival({ kills, crashes, terms, readyWithinMs, report }: Survival): void {
  let home: Home | undefined
  let postgresql: Postgresql | undefined
  beforeEach(() => {
    home = undefined
    postgresql = undefined
  })
  afterEach(async () => {
    await home?.remove()
    await postgresql?.stop()
  })

  describe('the service, killed while keys are made and revoked', () => {
    test('embedded, has lost and undone nothing that it had acknowledged', async () => {
      home = await makeEmbeddedHome()

      const outcome = await killService(home, kills)

      report?.kills('SIGKILL embedded', outcome)
      expectNothingLost(outcome)
      const readyMs = outcome.readyMs.map((ms, at) => Math.min(ms, outcome.readyCpuMs[at] ?? ms))
      expect(Math.max(...readyMs)).toBeLessThan(readyWithinMs ?? Number.POSITIVE_INFINITY)
    })

    test('on PostgreSQL, has lost and undone nothing that it had acknowledged', async () => {
      home = await makePostgresqlHome(await requirePostgresql())

      const outcome = await killService(home, kills)

      report?.kills('SIGKILL PostgreSQL', outcome)
      expectNothingLost(outcome)
    })

    test('outlives the crash of its PostgreSQL, and nothing acknowledged is lost or undone', async () => {
      postgresql = await startPostgresql()
      home = await makePostgresqlHome(postgresql)

      const outcome = await crashDatabase(home, postgresql, crashes)

      report?.kills('crash of PostgreSQL', outcome)
      expectNothingLost(outcome)
    })
  })

  describe('the service, asked to end under a load of checks', () => {
    test('embedded, cuts no request off and leaves no call uncounted', async () => {
      home = await makeEmbeddedHome()

      const outcome = await termService(home, terms)

      report?.terms('SIGTERM embedded', outcome)
      expectNothingCut(outcome)
    })

    test('on PostgreSQL, cuts no request off and leaves no call uncounted', async () => {
      home = await makePostgresqlHome(await requirePostgresql())

      const outcome = await termService(home, terms)

      report?.terms('SIGTERM PostgreSQL', outcome)
      expectNothingCut(outcome)
    })
  })
}

function expectNothingLost({ kills, acknowledged, lost, undone, readyMs }: KillOutcome): void {
  expect({ lost, undone }).toEqual({ lost: [], undone: [] })
  expect(readyMs).toHaveLength(kills)
  // A load that made nothing would show nothing.
  expect(acknowledged).toBeGreaterThan(10 * kills)
}

function expectNothingCut({ terms, answered, cut, refused, unread, counts }: TermOutcome): void {
  expect({ cut, refused }).toEqual({ cut: [], refused: [] })
  expect(counts.map(({ counted }) => counted)).toEqual(counts.map((key) => key.answered))
  expect(answered).toBeGreaterThan(16 * terms)
  // HTTP allows it, and yet a connection in use is told that it ends: 16 a term when it is not.
  expect(unread).toBeLessThanOrEqual(terms)
}
