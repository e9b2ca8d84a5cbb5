import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { screenshotsFolder } from './folders.js'

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
const DEFAULT_TIMEOUT_MS = 30_000

/** Something a page complained of. */
export interface Problem {
  kind: 'console' | 'exception' | 'csp'
  /** The page's address at that time, without its query, which may hold a code or a token. */
  page: string
  text: string
}

/** A fresh browser of somebody who was never here: no cookies, no storage. Close it at the end of the test. */
export interface Visitor {
  page: Page
  context: BrowserContext
  /**
   * What the pages and their popups complained of so far.
   * @param origin when given, only of pages below it: Keycloak's own pages are not ours to judge
   */
  listProblems(origin?: string): Problem[]
  close(): Promise<void>
}

export interface TestBrowser {
  newVisitor(options?: BrowserContextOptions): Promise<Visitor>
  /** Writes `test/e2e/screenshots/<folder>/NN-name.png`, numbered in the order of taking, and returns its path. */
  screenshot(page: Page, name: string): Promise<string>
  close(): Promise<void>
}

/**
 * Opens Chromium.
 * @param folderName of the screenshots: the name of the test file, because files run side by side
 */
export async function openBrowser(folderName: string): Promise<TestBrowser> {
  const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'
  const browser = await chromium.launch({ executablePath, args: FLAGS })
  const folder = join(screenshotsFolder, folderName)

  return {
    async newVisitor(options = {}) {
      const context = await browser.newContext({ viewport: { width: 1200, height: 1000 }, ...options })
      context.setDefaultTimeout(DEFAULT_TIMEOUT_MS)
      const problems = await collectProblems(context)
      const page = await context.newPage()
      return {
        page,
        context,
        listProblems: (origin = '') => problems.filter((problem) => problem.page.startsWith(origin)),
        close: async () => await context.close(),
      }
    },
    async screenshot(page, name) {
      await mkdir(folder, { recursive: true })
      const taken = (await readdir(folder)).length
      const path = join(folder, `${String(taken + 1).padStart(2, '0')}-${name}.png`)
      await page.screenshot({ path })
      return path
    },
    close: async () => await browser.close(),
  }
}

async function collectProblems(context: BrowserContext): Promise<Problem[]> {
  const problems: Problem[] = []
  context.on('console', (message) => {
    if (message.type() !== 'error') return
    const place = message.location().url
    problems.push({
      kind: 'console',
      page: withoutQuery(message.page()?.url() ?? place),
      text: place === '' ? message.text() : `${message.text()} (${withoutQuery(place)})`,
    })
  })
  context.on('weberror', (webError) => {
    problems.push({
      kind: 'exception',
      page: withoutQuery(webError.page()?.url() ?? ''),
      text: String(webError.error()),
    })
  })
  await context.exposeBinding('reportPolicyViolation', ({ frame }, text: string) => {
    problems.push({ kind: 'csp', page: withoutQuery(frame.url()), text })
  })
  // The console does not tell of every violation, this event does.
  await context.addInitScript(`document.addEventListener('securitypolicyviolation', (event) => {
    window.reportPolicyViolation(event.effectiveDirective + ' blocked ' + event.blockedURI)
  })`)
  return problems
}

function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, '')
}
