import { describe, expect, test } from 'vitest'
import { ask, logInByBar, type NewKey, newName, readCookies, signIn, waitForBar } from './people.js'
import { openSwaggerUi } from './swagger-ui.js'
import type { World } from './world.js'

/** The shortest way through all parts. What each of them does besides is in the other journeys. */
export function describeFirstKey(world: World): void {
  describe('whoever comes for the first time', () => {
    test('logs in, though not with a wrong password, and logs out again everywhere', async () => {
      const visitor = await world.newVisitor({ refusals: ['/dev-idp/realms/latchkey/login-actions/'] })
      const { page } = visitor
      await page.goto(`${world.url}/`)
      await waitForBar(page, 'Not logged in')
      await page.click('#login-bar-login')
      await signIn(page, 'alice', 'bob-pw')
      await page.getByText('Invalid username or password.').waitFor()
      await world.photograph(visitor, 'login-form-refused')
      await signIn(page, 'alice')
      await waitForBar(page, 'Logged in as alice')
      const cookie = await readCookies(page, world)
      const before = await ask(`${world.url}/me`, { headers: { cookie } })

      await page.click('#login-bar-logout')
      await waitForBar(page, 'Not logged in')
      const after = await ask(`${world.url}/me`, { headers: { cookie } })
      await page.goto(`${world.url}/auth/login`)
      await page.locator('#password').waitFor()

      expect(before).toMatchObject({ status: 200, body: { login: 'alice', via: 'session' } })
      expect(after.status).toBe(401)
    })

    test('makes a key in Swagger UI with a token, uses it there, and revokes it as the person of the session', async () => {
      const visitor = await world.newVisitor({ refusals: ['/catalog/'] })
      const { page } = visitor
      await logInByBar(page, world, 'alice')
      const ui = await openSwaggerUi(page, world.url)
      await ui.authorize(null)

      const made = await ui.execute('createApiKey', { body: { name: newName() } })
      // The answer of a creation, as the contract fixes it.
      const key = made.body as NewKey
      await ui.enterKey(key.value)
      const used = await ui.execute('getCollections')
      await ui.removeAuthorization('oauth2')
      await ui.removeAuthorization('apiKey')
      const revoked = await ui.execute('revokeApiKey', { parameters: { id: key.id }, body: {} })
      await ui.enterKey(key.value)
      const refused = await ui.execute('getCollections')
      await world.photograph(visitor, 'key-refused', ui.shownAnswer('getCollections'))

      expect(made).toMatchObject({ status: 201, sent: { authorization: expect.stringMatching(/^Bearer /) } })
      expect(used).toMatchObject({ status: 200, sent: { 'x-api-key': key.value } })
      expect(revoked).toMatchObject({ status: 200, body: { status: 'revoked', revoked_by: 'owner' } })
      expect(revoked.sent).toMatchObject({ cookie: expect.stringContaining('latchkey_session=') })
      expect(refused).toMatchObject({ status: 401, body: { code: 'invalid_credential' } })
    })
  })
}
