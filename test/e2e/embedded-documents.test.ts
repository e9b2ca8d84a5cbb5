import { rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Account, logIn } from './journeys/people.js'
import { openSwaggerUi } from './journeys/swagger-ui.js'
import { useWorld } from './journeys/world.js'
import { openBrowser } from './support/browser.js'
import { makeTemporaryFolder } from './support/folders.js'
import { findFreePort } from './support/ports.js'
import { startService } from './support/service.js'

const orbitsDocument = {
  openapi: '3.0.3',
  info: { title: 'Orbit files', version: '7', description: 'Of orbits.' },
  servers: [{ url: 'https://elsewhere.example.org' }],
  paths: {
    '/orbits': {
      get: {
        operationId: 'getOrbits',
        responses: { 200: { description: 'Orbits.', content: { 'application/json': {} } } },
      },
    },
  },
}
const attack =
  '<script>window.attacked = true</script><img src="data:x" onerror="window.attacked = true"> Of evil.'
const documents: Record<string, object> = {
  '/openapi.json': orbitsDocument,
  '/hostile.json': { ...orbitsDocument, info: { title: attack, version: attack, description: attack } },
}

/** A service as anybody has one: it knows nothing of keys, and lets no page of another site in. */
const orbits = createServer((request, response) => {
  const login = request.headers['latchkey-login']
  const answer = documents[request.url ?? ''] ?? { path: request.url, login }
  response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
})

let gateway: string
let folder: string
let alice: Account
const world = useWorld('embedded', async () => {
  await new Promise<void>((resolve) => orbits.listen(0, '127.0.0.1', resolve))
  const target = `http://127.0.0.1:${(orbits.address() as AddressInfo).port}`
  folder = await makeTemporaryFolder('documents')
  const file = join(folder, 'services.json')
  const service = { id: 'orbits', name: 'Orbits', group: 'data', prefix: '/orbits', target }
  await writeFile(
    file,
    JSON.stringify({
      groups: [{ id: 'data', name: 'Data' }],
      services: [
        { ...service, openapi_url: '/openapi.json', preflight: 'refuse' },
        { ...service, id: 'hostile', name: 'Hostile', prefix: '/hostile', openapi_url: '/hostile.json' },
      ],
    }),
  )
  const port = String(await findFreePort())
  gateway = `http://127.0.0.1:${port}`
  return await startService({
    env: { SERVICES_FILE: file, GATEWAY_PORT: port, LOGIN_RATE_PER_MINUTE: 'off' },
  })
})
beforeAll(async () => {
  alice = await logIn(world, 'alice')
})
afterAll(async () => {
  orbits.closeAllConnections()
  orbits.close()
  await rm(folder, { recursive: true, force: true })
})

async function choose(page: Page, name: string): Promise<void> {
  await page.locator('.topbar select').selectOption({ label: name })
}

async function tryOut(page: Page) {
  const block = page.locator('#operations-default-getOrbits')
  await block.locator('.opblock-summary-control').click()
  await block.getByRole('button', { name: 'Try it out' }).click()
  const answering = page.waitForResponse(
    (response) => response.url() === `${gateway}/orbits/orbits` && response.request().method() === 'GET',
  )
  await block.locator('.btn.execute').click()
  const answer = await answering
  const shown = block.locator('.live-responses-table .response-col_description .highlight-code code')
  await shown.waitFor()
  return { status: answer.status(), body: JSON.parse(await shown.innerText()), sent: answer.request() }
}

test('the drop-down of Swagger UI offers the service, and a key opens it through the gateway', async () => {
  const visitor = await world.newVisitor()
  const { page } = visitor
  const key = await alice.createKey()
  const ui = await openSwaggerUi(page, world.url)

  const names = await page.locator('.topbar select option').allInnerTexts()
  await choose(page, 'Orbits')
  await page.locator('.title', { hasText: 'Orbit files' }).waitFor()
  await ui.enterKey(key.value)
  await world.photograph(visitor, 'service-chosen')
  const { status, body, sent } = await tryOut(page)
  await world.photograph(visitor, 'service-tried', page.locator('.live-responses-table'))

  expect(names).toEqual(['Latchkey', 'Hostile', 'Orbits'])
  expect([status, body]).toEqual([200, { path: '/orbits', login: 'alice' }])
  expect(await sent.allHeaders()).toMatchObject({ 'x-api-key': key.value })
})

test('without a key the page shows why the gateway refuses', async () => {
  // Not of the world, in which no page may complain: Chromium writes each refusal of another site to the console.
  const browser = await openBrowser('embedded-documents')
  const { page } = await browser.newVisitor()
  await openSwaggerUi(page, world.url)
  await choose(page, 'Orbits')

  const { status, body, sent } = await tryOut(page)
  const headers = await sent.allHeaders()
  await browser.close()

  expect([status, body.code]).toEqual([401, 'not_authenticated'])
  expect(headers).not.toHaveProperty('cookie')
})

test('a script in the text of a document does not run on our page', async () => {
  // As above: here the policy of the page has something to forbid.
  const browser = await openBrowser('embedded-documents')
  const { page } = await browser.newVisitor()
  await openSwaggerUi(page, world.url)
  await choose(page, 'Hostile')
  await page.locator('.info .description', { hasText: 'Of evil.' }).waitFor()

  const attacked = await page.evaluate('window.attacked')
  await browser.close()

  expect(attacked).toBeUndefined()
})
