import { basename } from 'node:path'
import type { Locator } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, type TestContext } from 'vitest'
import { openBrowser, type Problem, type TestBrowser, type Visitor } from '../support/browser.js'
import { requireKeycloak, requirePostgresql } from '../support/environment.js'
import { createDatabase } from '../support/postgresql.js'
import { type Service, type ServiceOptions, startService } from '../support/service.js'
import { settingsFor } from '../support/settings.js'

export type Mode = 'embedded' | 'keycloak' | 'keycloak-away' | 'postgresql-away' | 'single-user'

/** What a journey needs to know of where it happens; the journeys are the same in every mode. */
export interface World {
  readonly mode: Mode
  /** `http://127.0.0.1:<port>` of the running service. */
  readonly url: string
  /** Everything that the service printed so far. */
  log(): Promise<string>
  /**
   * Somebody who was never here, with a browser of their own. It is closed at the end of the test, or by the caller
   * when it was opened outside one. A test fails when one of our pages complained (CSP, exception, console).
   */
  newVisitor(options?: VisitorOptions): Promise<Visitor>
  /**
   * Takes the picture of a station; people look at them after a change of a page.
   * @param place what to scroll to before
   */
  photograph(visitor: Visitor, station: string, place?: Locator): Promise<void>
}

export interface VisitorOptions {
  /** Default: a laptop. */
  device?: 'laptop' | 'phone'
  /** Beginnings of paths of this service whose refusal the visitor is meant to meet; `/me` always is, by whoever is not logged in. */
  refusals?: string[]
}

interface OpenVisitor extends Visitor {
  openedBy: TestContext['task'] | undefined
  refusals: string[]
  seenProblems: number
}

/** The size of a common phone. */
const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true }

/** Chromium writes every refused request to the console, and no page can keep it from that. */
function isRefusal({ kind, text }: Problem, url: string, paths: string[]): boolean {
  return (
    kind === 'console' &&
    /^Failed to load resource: the server responded with a status of (4|503)/.test(text) &&
    paths.some((path) => text.includes(`(${url}${path}`))
  )
}

/** The service as `npm start` gives it, without the limits that many tests of one person would meet. */
export function useEmbeddedWorld(options: Pick<ServiceOptions, 'makesDatabase'> = {}): World {
  const env = { LOGIN_RATE_PER_MINUTE: 'off', KEY_CHANGES_PER_HOUR: 'off', MAX_KEYS_PER_USER: '200' }
  return useWorld('embedded', async () => await startService({ env, ...options }))
}

/** The service with a realm and a database of its own, in the Keycloak and the PostgreSQL that all files share. */
export function useKeycloakWorld(): World {
  return useWorld('keycloak', async () => {
    const keycloak = await requireKeycloak()
    return await startService({ env: settingsFor(keycloak, await createDatabase(await requirePostgresql())) })
  })
}

/** Starts the service of a mode before the tests of this file, and ends it after them. */
export function useWorld(mode: Mode, start: () => Promise<Service>): World {
  let service: Service | undefined
  let browser: TestBrowser | undefined
  let running: TestContext['task'] | undefined
  const visitors = new Set<OpenVisitor>()
  /** Of visitors who left before the end of their test. */
  let earlierProblems: Problem[] = []

  beforeAll(async () => {
    browser = await openBrowser(basename(expect.getState().testPath ?? mode, '.test.ts'))
    service = await start()
  })
  afterAll(async () => {
    await browser?.close()
    await service?.stop()
  })
  beforeEach(({ task }) => {
    running = task
  })
  afterEach(async ({ task }) => {
    running = undefined
    const open = [...visitors]
    const problems = [...earlierProblems, ...open.flatMap(takeNewProblems)]
    earlierProblems = []
    if (task.result?.state === 'fail' || problems.length > 0) await photographAll(open, task.name)
    for (const visitor of open) if (visitor.openedBy === task) await visitor.close()
    expect(problems, 'what our pages complained of').toEqual([])
  })

  return {
    mode,
    get url() {
      return requireRunning().service.url
    },
    log: async () => await requireRunning().service.log(),
    async newVisitor({ device = 'laptop', refusals = [] } = {}) {
      const opened = await requireRunning().browser.newVisitor(device === 'phone' ? phone : {})
      const visitor: OpenVisitor = {
        ...opened,
        openedBy: running,
        refusals,
        seenProblems: 0,
        close,
      }
      visitors.add(visitor)
      return visitor

      async function close() {
        visitors.delete(visitor)
        earlierProblems.push(...takeNewProblems(visitor))
        await opened.close()
      }
    },
    async photograph(visitor, station, place) {
      // Chromium takes no picture of a page that is on its way, and an ugly one without its fonts.
      await visitor.page.waitForLoadState()
      await place?.scrollIntoViewIfNeeded()
      await requireRunning().browser.screenshot(visitor.page, station)
    },
  }

  function requireRunning() {
    if (service === undefined || browser === undefined) throw new Error('The service has not started')
    return { service, browser }
  }

  function takeNewProblems(visitor: OpenVisitor): Problem[] {
    const url = service?.url ?? ''
    // Keycloak's own pages are not ours to judge.
    const all = visitor.listProblems(url)
    const fresh = all.slice(visitor.seenProblems)
    visitor.seenProblems = all.length
    return fresh.filter((problem) => !isRefusal(problem, url, visitor.refusals))
  }

  async function photographAll(open: OpenVisitor[], test: string) {
    const pages = open.flatMap(({ context }) => context.pages())
    const name = `failed-${test.replaceAll(/\W+/g, '-').slice(0, 80)}`
    for (const page of pages) {
      // A page that is closing has no picture any more, and the failure itself is what must be told.
      const picture = await requireRunning()
        .browser.screenshot(page, name)
        .catch(() => 'no picture')
      console.error(`${page.url().replace(/[?#].*$/s, '')} when it failed: ${picture}`)
    }
  }
}
