import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { logIn } from '../support/log-in.js'
import { openBrowser, type TestBrowser } from './support/browser.js'
import { projectFolder } from './support/folders.js'
import { type OddService, startOddService } from './support/odd-service.js'
import { type Service, startService } from './support/service.js'

// A page of another site that takes the modules of latchkey/client as they are built, and bundles nothing.
let browser: TestBrowser
let site: OddService
let latchkey: Service
let value: string

beforeAll(async () => {
  site = await startOddService(async (request, response) => {
    const file = files(request.url ?? '')
    if (file === undefined) return response.writeHead(404).end()
    const type = file.path.endsWith('html') ? 'text/html' : 'text/javascript'
    return response.writeHead(200, { 'content-type': type }).end(file.text ?? (await readFile(file.path)))
  })
  ;[latchkey, browser] = await Promise.all([
    startService({ env: { CORS_ORIGINS: site.url } }),
    openBrowser('embedded-client'),
  ])
  const { cookie } = await logIn(latchkey, 'alice')
  const answer = await fetch(`${latchkey.url}/api-keys`, {
    method: 'POST',
    headers: { cookie, origin: latchkey.url, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'of a page' }),
  })
  value = ((await answer.json()) as { value: string }).value
})
afterAll(async () => {
  await browser?.close()
  await latchkey?.stop()
  await site?.close()
})

function files(url: string): { path: string; text?: string } | undefined {
  if (url === '/') return { path: 'index.html', text: page }
  if (url === '/try-client.mjs') return { path: join(import.meta.dirname, 'support/try-client.mjs') }
  const module = /^\/client\/([\w-]+\.js)$/.exec(url)?.[1]
  return module === undefined ? undefined : { path: join(projectFolder, 'dist/src/client', module) }
}

const page = `<!doctype html><meta charset="utf-8"><title>A page</title>
<script type="importmap">{ "imports": { "latchkey/client": "/client/index.js" } }</script>
<script type="module">
  import { tryClient } from '/try-client.mjs'
  globalThis.tryClient = tryClient
</script>`

/** What the program of every runtime sees in Chromium. */
async function tryIn(url: string): Promise<unknown> {
  const visitor = await browser.newVisitor()
  await visitor.page.goto(site.url)
  await visitor.page.waitForFunction('globalThis.tryClient !== undefined')
  const options = JSON.stringify({ url, apiKey: value })
  try {
    return await visitor.page.evaluate(`tryClient(${options}, ${JSON.stringify(site.url)})`)
  } finally {
    await visitor.close()
  }
}

test('a page of a site that may call uses a key as any program does', async () => {
  const seen = await tryIn(latchkey.url)

  expect(seen).toMatchObject({
    login: 'alice',
    collections: 3,
    wrongKey: 'NotAuthenticatedError invalid_credential 401',
    noLogin: 'ForbiddenError login_required 403',
    // A browser tells no page where a redirect of another site would lead, nor its status.
    redirect: 'UnexpectedAnswerError unexpected_answer 0',
    page: 'UnexpectedAnswerError unexpected_answer 200',
    away: 'UnavailableError unexpected_answer 503',
    again: 'alice',
    aborted: 'AbortError 20',
    late: 'UnreachableError unreachable',
    unreachable: 'UnreachableError unreachable',
    elsewhere: 'TypeError undefined',
    // Its own: one that a script names makes browsers ask the service first, or is ignored.
    agent: expect.stringMatching(/^Mozilla\//),
  })
})

test('a page of a site that nobody named reaches nothing', async () => {
  const closed = await startService()

  const failure = await tryIn(closed.url).catch((error: Error) => error.message)
  await closed.stop()

  expect(failure).toContain('The service cannot be reached.')
})
