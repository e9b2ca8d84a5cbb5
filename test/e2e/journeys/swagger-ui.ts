import type { Locator, Page, Response } from 'playwright-core'
import { signIn } from './people.js'

export type Lock = 'oauth2' | 'apiKey' | 'session'

/** What Swagger UI sent, and what it shows of the answer. */
export interface Execution {
  status: number
  /** The response body as the page shows it: parsed, `undefined` when there is none. */
  body: unknown
  sent: Record<string, string>
}

export interface SwaggerUi {
  /** Opens the dialog with the locks. */
  openLocks(): Promise<Locator>
  closeLocks(): Promise<void>
  /** Logs in by OAuth2 in the window that opens. @param person null when the identity provider knows who it is */
  authorize(person: string | null): Promise<void>
  enterKey(value: string): Promise<void>
  /** The dialog's button "Logout". */
  removeAuthorization(lock: Lock): Promise<void>
  /** Try it out and Execute. */
  execute(operationId: string, input?: Input): Promise<Execution>
  /** Where the page shows what came of the last execution. */
  shownAnswer(operationId: string): Locator
}

export interface Input {
  parameters?: Record<string, string>
  /** Default: what Swagger UI proposes. */
  body?: object
}

/** Opens the documentation and waits until all that it fetches by itself is there. */
export async function openSwaggerUi(page: Page, url: string): Promise<SwaggerUi> {
  await page.goto(`${url}/docs`)
  await page.locator('.opblock').first().waitFor()
  await page.locator('#login-bar-who').waitFor()
  const dialog = page.locator('.dialog-ux')
  const lockOf = (lock: Lock) =>
    dialog.locator('.auth-container', { has: page.locator('h4', { hasText: new RegExp(`^${lock}\\b`) }) })
  const operation = (operationId: string) => page.locator(`[id^="operations-"][id$="-${operationId}"]`)
  const shownAnswer = (operationId: string) => operation(operationId).locator('.live-responses-table')
  return { openLocks, closeLocks, authorize, enterKey, removeAuthorization, execute, shownAnswer }

  async function openLocks() {
    await page.locator('.auth-wrapper > .authorize').click()
    await dialog.waitFor()
    return dialog
  }

  async function closeLocks() {
    await dialog.locator('.close-modal').click()
    await dialog.waitFor({ state: 'detached' })
  }

  async function authorize(person: string | null) {
    await openLocks()
    const opening = page.waitForEvent('popup')
    await lockOf('oauth2').getByRole('button', { name: 'Apply given OAuth2 credentials' }).click()
    const popup = await opening
    const closing = popup.isClosed() ? undefined : popup.waitForEvent('close')
    if (person !== null) await signIn(popup, person)
    await closing
    await lockOf('oauth2').getByRole('button', { name: 'Remove authorization' }).waitFor()
    await closeLocks()
  }

  async function enterKey(value: string) {
    await openLocks()
    await lockOf('apiKey').locator('input').fill(value)
    await lockOf('apiKey').getByRole('button', { name: 'Apply credentials' }).click()
    await lockOf('apiKey').getByRole('button', { name: 'Remove authorization' }).waitFor()
    await closeLocks()
  }

  async function removeAuthorization(lock: Lock) {
    await openLocks()
    await lockOf(lock).getByRole('button', { name: 'Remove authorization' }).click()
    await lockOf(lock).getByRole('button', { name: 'Apply' }).waitFor()
    await closeLocks()
  }

  async function execute(operationId: string, { parameters = {}, body }: Input = {}) {
    const block = operation(operationId)
    const shown = shownAnswer(operationId)
    await openForm(block)
    for (const [name, value] of Object.entries(parameters)) {
      await block.locator(`tr[data-param-name="${name}"] input`).fill(value)
    }
    if (body !== undefined) await block.locator('textarea.body-param__text').fill(JSON.stringify(body))

    const answering = page.waitForResponse(await matchOperation(block))
    await block.locator('.btn.execute').click()
    const answer = await answering
    await shown.waitFor()
    return {
      // Below it may stand that it is undocumented.
      status: Number.parseInt(await shown.locator('.response .response-col_status').innerText(), 10),
      body: await readShownBody(shown),
      sent: await answer.request().allHeaders(),
    }
  }

  /** Ready for another try, whatever was tried before. */
  async function openForm(block: Locator) {
    // Every open operation makes the page slower.
    for (const other of await page.locator('.opblock.is-open').all()) {
      await other.locator('.opblock-summary-control').click()
    }
    await block.locator('.opblock-summary-control').click()
    await block.locator('.try-out__btn').first().waitFor()
    for (const name of ['Try it out', 'Reset', 'Clear']) {
      const button = block.getByRole('button', { name, exact: true })
      if (await button.isVisible()) await button.click()
    }
  }
}

/** Tells the request of an operation from those that the page sends by itself. */
async function matchOperation(block: Locator): Promise<(response: Response) => boolean> {
  const method = await block.locator('.opblock-summary-method').innerText()
  const path = (await block.locator('[data-path]').getAttribute('data-path')) ?? ''
  const pattern = new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`)
  return (response) =>
    response.request().method() === method && pattern.test(new URL(response.url()).pathname)
}

async function readShownBody(shown: Locator): Promise<unknown> {
  const code = shown.locator('.response-col_description .highlight-code code')
  if ((await code.count()) === 0) return undefined
  return JSON.parse(await code.innerText())
}
