import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { waitForBar } from './journeys/people.js'
import { useWorld } from './journeys/world.js'
import { runCommand } from './support/command.js'
import { makeTemporaryFolder, projectFolder } from './support/folders.js'
import { startService } from './support/service.js'

// As one types it: the built command line, in a folder with nothing in it.
const entry = join(projectFolder, 'dist/src/cli/main.js')
const world = useWorld(
  'single-user',
  async () => await startService({ entry, args: ['serve', '--single-user', '--data-dir', './mine'] }),
)
const printedUrl = async () => /Use the following URL: (\S+)/.exec(await world.log())?.[1] ?? ''

test('the URL that `latchkey serve --single-user` prints opens the documentation logged in', async () => {
  const visitor = await world.newVisitor()
  const { page } = visitor
  const url = await printedUrl()

  await page.goto(url)
  await waitForBar(page, 'Logged in as single-user')
  await world.photograph(visitor, 'docs-opened')

  const seen = `${page.url()} ${await page.evaluate('location.href + document.referrer')} ${await page.content()}`
  expect(url).toContain('/?api_key=lk_')
  expect(page.url()).toBe(`${world.url}/docs`)
  expect(seen).not.toContain(new URL(url).searchParams.get('api_key'))
  expect(await page.evaluate('history.length')).toBeLessThanOrEqual(2)
  expect(await page.locator('#login-bar-switch').count()).toBe(0)
})

test('logged in so, one makes a key from the page, and the key works', async () => {
  const { page } = await world.newVisitor()
  await page.goto(await printedUrl())
  await waitForBar(page, 'Logged in as single-user')

  const made = (await page.evaluate(`fetch('/api-keys', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'from the page', scopes: ['read'] }),
  }).then((answer) => answer.json())`)) as { value: string }
  const me = await fetch(`${world.url}/me`, { headers: { 'x-api-key': made.value } })

  expect(await me.json()).toMatchObject({ login: 'single-user', scopes: ['read'] })
})

test('Authorize offers the key, and no login that is not there', async () => {
  const visitor = await world.newVisitor()
  const { page } = visitor
  await page.goto(await printedUrl())
  await page.locator('.authorize').first().click()
  await page.locator('.dialog-ux .modal-ux-content').waitFor()
  await world.photograph(visitor, 'locks')

  const locks = await page.locator('.dialog-ux .auth-container h4 code').allTextContents()

  expect(locks).toEqual(['apiKey', 'session'])
})

test('logged out, the bar says where to get in again', async () => {
  const visitor = await world.newVisitor()
  const { page } = visitor
  await page.goto(await printedUrl())
  await waitForBar(page, 'Logged in as single-user')

  await page.click('#login-bar-logout')
  await waitForBar(page, 'open the URL that the start of the service printed')
  await world.photograph(visitor, 'docs-logged-out')

  expect(page.url()).toBe(`${world.url}/docs`)
  expect(await page.locator('#login-bar-login').count()).toBe(0)
})

test('a wrong key opens a page that says how to get in', async () => {
  const visitor = await world.newVisitor({ refusals: ['/'] })
  const { page } = visitor

  await page.goto(`${world.url}/?api_key=wrong`)
  await world.photograph(visitor, 'wrong-key')
  await page.getByText('How to get in').click()
  await page.getByText('This service is for one person').waitFor()
  await world.photograph(visitor, 'how-to-get-in')

  expect(await page.context().cookies(world.url)).toEqual([])
})

test('Ctrl-C ends what `latchkey serve` started as it ends the service, with 0', async () => {
  const service = await startService({ entry, args: ['serve', '--single-user'] })
  const isThere = () => {
    try {
      return process.kill(service.pid, 0)
    } catch {
      return false
    }
  }

  process.kill(service.pid, 'SIGINT')
  await expect.poll(isThere, { timeout: 30_000 }).toBe(false)

  // Which throws where the exit code was another.
  await service.stop()
})

test('`latchkey serve` refuses what the settings refuse, before it writes anything', async () => {
  const folder = await makeTemporaryFolder('serve')
  await mkdir(join(folder, 'empty'))
  const serve = async (...args: string[]) =>
    await runCommand(process.execPath, [entry, 'serve', ...args], { cwd: join(folder, 'empty') }).catch(
      (error: Error) => error.message,
    )

  const remote = await serve('--single-user', '--host', '0.0.0.0', '--public-url', 'http://lab.example')
  const alone = await serve('--allow-remote')
  const port = await serve('--port', 'http')
  const unknown = await serve('--single')
  const written = await readdir(join(folder, 'empty'))
  await rm(folder, { recursive: true })

  expect(remote).toContain(
    'SINGLE_USER_ALLOW_REMOTE is required with SINGLE_USER when HOST is not a loopback',
  )
  expect(alone).toContain('SINGLE_USER_ALLOW_REMOTE is only for SINGLE_USER')
  expect(port).toContain('PORT must be a whole number')
  expect(unknown).toContain("unknown option '--single'")
  expect(written).toEqual([])
})
