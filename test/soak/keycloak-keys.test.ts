import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask, newName } from '../e2e/journeys/people.js'
import { requirePostgresql } from '../e2e/support/environment.js'
import { type Keycloak, startKeycloak } from '../e2e/support/keycloak.js'
import { askAdmin, type KeycloakAddress, logInByPassword } from '../e2e/support/keycloak-client.js'
import { createRealm } from '../e2e/support/keycloak-realm.js'
import { findFreePort } from '../e2e/support/ports.js'
import { createDatabase } from '../e2e/support/postgresql.js'
import { type Service, startService } from '../e2e/support/service.js'
import { settingsFor } from '../e2e/support/settings.js'
import { type CountingProxy, startCountingProxy } from '../e2e/survival/counting-proxy.js'
import { rotateSigningKey } from '../e2e/survival/rotation.js'
import { startIssuer } from '../support/failing-issuer.js'
import { reportFigures } from './support/report.js'

let server: Keycloak
let keycloak: KeycloakAddress
let proxy: CountingProxy
let service: Service
beforeAll(async () => {
  const [port, publicPort] = [await findFreePort(), await findFreePort()]
  proxy = await startCountingProxy(publicPort, port)
  server = await startKeycloak({ port })
  keycloak = await createRealm(server.origin, `http://127.0.0.1:${publicPort}`)
  // The last test needs tokens that outlive their issuer.
  await askAdmin(keycloak, 'PUT', '', JSON.stringify({ accessTokenLifespan: 1_800 }))
  const env = settingsFor(keycloak, await createDatabase(await requirePostgresql()))
  service = await startService({ env: { ...env, REFUSED_RATE_PER_MINUTE: 'off' } })
})
afterAll(async () => {
  await service.stop()
  await server.stop()
  await proxy.close()
})

const issueToken = async () => (await logInByPassword(keycloak, 'alice')).access_token
const useToken = async (token: string) =>
  (await ask(`${service.url}/me`, { headers: { authorization: `Bearer ${token}` } })).status

test('a token of a key that Keycloak has just begun to sign with is accepted within 35 s', async () => {
  const tookMs: number[] = []
  expect(await useToken(await issueToken())).toBe(200)

  for (let rotation = 0; rotation < 3; rotation += 1) {
    const takeBack = await rotateSigningKey(keycloak)
    const token = await issueToken()
    const begun = performance.now()
    while ((await useToken(token)) !== 200 && performance.now() - begun < 60_000) await delay(100)
    tookMs.push(performance.now() - begun)
    await takeBack()
  }

  reportFigures('rotation of the signing key', [
    `${tookMs.length} rotations`,
    `accepted after ${tookMs.map((ms) => `${(ms / 1000).toFixed(1)} s`).join(' / ')}`,
  ])
  expect(Math.max(...tookMs)).toBeLessThan(35_000)
})

test('a flood of tokens of unknown keys makes it ask once in 30 s', async () => {
  const forger = await startIssuer()
  const jwksPath = `${new URL(keycloak.issuer).pathname}/protocol/openid-connect/certs`
  const before = proxy.count(jwksPath)
  const end = Date.now() + 70_000
  let refused = 0

  const flood = async () => {
    while (Date.now() < end) {
      await forger.rotate()
      expect(await useToken(await forger.token(Date.now, { iss: keycloak.issuer }))).toBe(401)
      refused += 1
    }
  }
  await Promise.all(Array.from({ length: 8 }, flood))
  await forger.close()

  const fetched = proxy.count(jwksPath) - before
  reportFigures('flood of unknown keys', ['70 s', `${refused} tokens refused`, `${fetched} fetches`])
  expect(fetched).toBeLessThanOrEqual(3)
})

test('with Keycloak stopped for 12 minutes, keys and issued tokens go on', async () => {
  const minutes = 12
  const tokens = await Promise.all(Array.from({ length: minutes }, issueToken))
  const made = await ask(`${service.url}/api-keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tokens[0]}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: newName() }),
  })
  // The answer of a creation, as the contract fixes it.
  const { value } = made.body as { value: string }

  await server.stop()
  const seen: number[] = []
  // A token that was not seen before each minute: jose alone would forget the keys after ten.
  for (const token of tokens) {
    await delay(60_000)
    seen.push(await useToken(token))
    seen.push((await ask(`${service.url}/catalog/collections`, { headers: { 'x-api-key': value } })).status)
  }

  reportFigures('Keycloak stopped', [
    `${minutes} minutes`,
    `${seen.filter((status) => status === 200).length} of ${seen.length} accepted`,
  ])
  expect(new Set(seen)).toEqual(new Set([200]))
})
