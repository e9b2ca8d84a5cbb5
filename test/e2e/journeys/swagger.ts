import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Visitor } from '../support/browser.js'
import { type Account, ask, logIn, logInQuickly, type NewKey, newName } from './people.js'
import { openSwaggerUi, type SwaggerUi } from './swagger-ui.js'
import type { World } from './world.js'

const BEARER = /^Bearer ey[\w-]+\.[\w-]+\.[\w-]+$/
/** Longer than 32 characters, after the prefix and the id: what must be seen once and never again. */
const VALUE = /lk_\w{8}_\w{49}/

/** Swagger UI: its locks, and each operation tried out. */
export function describeSwagger(world: World): void {
  describe('in Swagger UI', () => {
    let alice: Account
    beforeAll(async () => {
      alice = await logIn(world, 'alice')
    })

    test('the dialog shows the three locks', async () => {
      const visitor = await world.newVisitor()
      const ui = await openSwaggerUi(visitor.page, world.url)

      const dialog = await ui.openLocks()
      await world.photograph(visitor, 'locks-open')

      expect(await dialog.locator('h4').allInnerTexts()).toEqual([
        expect.stringMatching(/^oauth2 .*authorizationCode with PKCE/),
        expect.stringMatching(/^apiKey/),
        expect.stringMatching(/^session/),
      ])
    })

    test('whoever tries an operation without any lock is asked to authenticate', async () => {
      const { page } = await world.newVisitor({ refusals: ['/api-keys'] })
      const ui = await openSwaggerUi(page, world.url)

      const { status, body } = await ui.execute('createApiKey', { body: { name: newName() } })

      expect(status).toBe(401)
      expect(body).toMatchObject({ code: 'not_authenticated' })
    })

    test('whoever is logged in to the site creates a key without any lock', async () => {
      const visitor = await world.newVisitor()
      await logInQuickly(visitor.page, world, 'bob')
      const ui = await openSwaggerUi(visitor.page, world.url)
      const name = newName()

      const { status, body, sent } = await ui.execute('createApiKey', { body: { name } })
      await world.photograph(visitor, 'created-with-session', ui.shownAnswer('createApiKey'))

      expect(status).toBe(201)
      expect(body).toMatchObject({ name, owner: { login: 'bob' }, value: expect.stringMatching(VALUE) })
      expect(sent).toMatchObject({ cookie: expect.stringContaining('latchkey_session=') })
      expect(sent).not.toHaveProperty('authorization')
      expect(sent).not.toHaveProperty('x-api-key')
    })

    test('whoever is logged in to the site authorizes without a password', async () => {
      const { page } = await world.newVisitor()
      await logInQuickly(page, world, 'alice')
      const ui = await openSwaggerUi(page, world.url)

      await ui.authorize(null)
      const { body } = await ui.execute('showMyInformation')

      expect(body).toMatchObject({ login: 'alice', via: 'oauth2' })
    })

    describe('with the OAuth2 lock closed', () => {
      let visitor: Visitor
      let ui: SwaggerUi
      beforeAll(async () => {
        visitor = await world.newVisitor({ refusals: ['/api-keys', '/me'] })
        ui = await openSwaggerUi(visitor.page, world.url)
        await ui.authorize('alice')
        await world.photograph(visitor, 'locks-closed')
      })
      afterAll(async () => await visitor.close())

      const expectTokenOnly = (sent: Record<string, string>) => {
        expect(sent.authorization).toMatch(BEARER)
        expect(sent).not.toHaveProperty('x-api-key')
        expect(sent.cookie ?? '').not.toContain('latchkey_session')
      }

      test('Show My Information tells who was logged in in the window', async () => {
        const { status, body, sent } = await ui.execute('showMyInformation')

        expect(status).toBe(200)
        expect(body).toMatchObject({
          login: 'alice',
          name: 'Alice Liddell',
          email: 'alice@example.test',
          kind: 'user',
          via: 'oauth2',
          roles: expect.arrayContaining(['rspy-user', 'latchkey:catalog_read']),
        })
        expectTokenOnly(sent)
      })

      test('Create Api Key shows the value in the response body', async () => {
        const name = newName()
        const { status, body, sent } = await ui.execute('createApiKey', { body: { name, note: 'by hand' } })
        await world.photograph(visitor, 'created', ui.shownAnswer('createApiKey'))

        expect(status).toBe(201)
        expect(body).toMatchObject({
          name,
          note: 'by hand',
          status: 'active',
          scopes: ['inherit'],
          value: expect.stringMatching(VALUE),
        })
        expectTokenOnly(sent)
      })

      test('Create Api Key works as it is proposed, and refuses a second key of the same name', async () => {
        const first = await ui.execute('createApiKey')
        const second = await ui.execute('createApiKey')

        expect(first.status).toBe(201)
        expect(second).toMatchObject({ status: 409, body: { code: 'name_taken' } })
      })

      test('List My Api Keys shows the keys of the caller, and never a value', async () => {
        const key = await alice.createKey()

        const { status, body, sent } = await ui.execute('listMyApiKeys')
        await world.photograph(visitor, 'listed', ui.shownAnswer('listMyApiKeys'))

        expect(status).toBe(200)
        expect(body).toMatchObject({
          items: expect.arrayContaining([expect.objectContaining({ id: key.id })]),
        })
        expect(JSON.stringify(body)).not.toMatch(VALUE)
        expectTokenOnly(sent)
      })

      test('Show Api Key shows one key, without its value', async () => {
        const key = await alice.createKey()

        const { status, body, sent } = await ui.execute('showApiKey', { parameters: { id: key.id } })

        expect(status).toBe(200)
        expect(body).toMatchObject({ id: key.id, name: key.name, status: 'active' })
        expect(JSON.stringify(body)).not.toMatch(VALUE)
        expectTokenOnly(sent)
      })

      test('Update Api Key changes what was named, and the key stays what it was', async () => {
        const key = await alice.createKey()

        const { status, body, sent } = await ui.execute('updateApiKey', {
          parameters: { id: key.id },
          body: { note: 'Runs on node 7' },
        })

        expect(status).toBe(200)
        expect(body).toMatchObject({ id: key.id, name: key.name, note: 'Runs on node 7' })
        expect(await useKey(key)).toBe(200)
        expectTokenOnly(sent)
      })

      test('Rotate Api Key shows a new value, and the old one is refused', async () => {
        const key = await alice.createKey()

        const { status, body, sent } = await ui.execute('rotateApiKey', {
          parameters: { id: key.id },
          body: { grace_seconds: 0 },
        })

        expect(status).toBe(200)
        expect(body).toMatchObject({ id: key.id, value: expect.stringMatching(VALUE) })
        expect(await useKey(key)).toBe(401)
        expect(await useKey(body as NewKey)).toBe(200)
        expectTokenOnly(sent)
      })

      test('Revoke Api Key ends a key at once, and Renew Api Key makes it work again', async () => {
        const key = await alice.createKey()
        const before = await useKey(key)

        const revoked = await ui.execute('revokeApiKey', { parameters: { id: key.id }, body: {} })
        await world.photograph(visitor, 'revoked', ui.shownAnswer('revokeApiKey'))
        const between = await useKey(key)
        const renewed = await ui.execute('renewApiKey', { parameters: { id: key.id }, body: {} })

        expect(revoked).toMatchObject({ status: 200, body: { status: 'revoked', revoked_by: 'owner' } })
        expect(renewed).toMatchObject({ status: 200, body: { status: 'active', revoked_at: null } })
        expect([before, between, await useKey(key)]).toEqual([200, 401, 200])
        expectTokenOnly(revoked.sent)
        expectTokenOnly(renewed.sent)
      })

      test('Delete Api Key answers 204 without a body, and the key is gone', async () => {
        const key = await alice.createKey()

        const { status, body, sent } = await ui.execute('deleteApiKey', { parameters: { id: key.id } })

        expect(status).toBe(204)
        expect(body).toBeUndefined()
        expect(await useKey(key)).toBe(401)
        expect((await alice.call('GET', `/api-keys/${key.id}`)).status).toBe(404)
        expectTokenOnly(sent)
      })

      test('with the lock of the API key closed as well, a login still manages its other keys', async () => {
        const [lock, key] = [await alice.createKey(), await alice.createKey()]
        const parameters = { id: key.id }
        await ui.enterKey(lock.value)

        const executions = [
          await ui.execute('createApiKey', { body: { name: newName() } }),
          await ui.execute('listMyApiKeys'),
          await ui.execute('showApiKey', { parameters }),
          await ui.execute('updateApiKey', { parameters, body: { note: '' } }),
          await ui.execute('revokeApiKey', { parameters, body: {} }),
          await ui.execute('renewApiKey', { parameters, body: {} }),
          await ui.execute('rotateApiKey', { parameters, body: {} }),
          await ui.execute('deleteApiKey', { parameters }),
        ]
        const me = await ui.execute('showMyInformation')
        await ui.removeAuthorization('apiKey')

        expect(executions.map(({ status }) => status)).toEqual([201, 200, 200, 200, 200, 200, 200, 204])
        for (const { sent } of executions) expectTokenOnly(sent)
        expect(me.sent).toMatchObject({ 'x-api-key': lock.value })
        expect(me.body).toMatchObject({ via: 'api-key', key_id: lock.id })
      })

      // The last one: it opens the lock that the others need.
      test('Logout in the dialog makes the page forget the token', async () => {
        await ui.removeAuthorization('oauth2')

        const { status, sent } = await ui.execute('showMyInformation')

        expect(status).toBe(401)
        expect(sent).not.toHaveProperty('authorization')
      })
    })

    test('a key opens the catalogue until it is revoked', async () => {
      const visitor = await world.newVisitor({ refusals: ['/catalog/', '/api-keys'] })
      const key = await alice.createKey()
      const ui = await openSwaggerUi(visitor.page, world.url)
      await ui.enterKey(key.value)

      const collections = await ui.execute('getCollections')
      const items = await ui.execute('getItems', { parameters: { collectionId: 'sentinel-2-l2a' } })
      await world.photograph(visitor, 'catalogue-items', ui.shownAnswer('getItems'))
      const search = await ui.execute('searchItems')
      const posted = await ui.execute('searchItemsByPost', { body: { limit: 2 } })
      const list = await ui.execute('listMyApiKeys')
      await alice.call('POST', `/api-keys/${key.id}/revoke`, {})
      const refused = await ui.execute('getCollections')
      await world.photograph(visitor, 'catalogue-refused', ui.shownAnswer('getCollections'))

      expect(collections).toMatchObject({ status: 200, sent: { 'x-api-key': key.value } })
      expect(collections.body).toHaveProperty('collections')
      expect(items).toMatchObject({ status: 200, body: { type: 'FeatureCollection' } })
      expect(search).toMatchObject({ status: 200, body: { type: 'FeatureCollection' } })
      expect(posted).toMatchObject({ status: 200, body: { numberReturned: 2 } })
      expect(list.status).toBe(401)
      expect(list.sent).not.toHaveProperty('x-api-key')
      expect(refused).toMatchObject({ status: 401, body: { code: 'invalid_credential' } })
    })

    test('a wrong key opens nothing', async () => {
      const { page } = await world.newVisitor({ refusals: ['/catalog/'] })
      const ui = await openSwaggerUi(page, world.url)
      await ui.enterKey('lk_AAAAAAAA_wrong')

      const { status, body } = await ui.execute('getCollections')

      expect(status).toBe(401)
      expect(JSON.stringify(body)).not.toContain('lk_AAAAAAAA')
    })

    async function useKey({ value }: Pick<NewKey, 'value'>): Promise<number> {
      const { status } = await ask(`${world.url}/catalog/collections`, { headers: { 'x-api-key': value } })
      return status
    }
  })
}
