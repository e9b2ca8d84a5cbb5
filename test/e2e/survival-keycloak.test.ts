import { setTimeout as delay } from 'node:timers/promises'
import { decodeProtectedHeader } from 'jose'
import { expect, test } from 'vitest'
import { ask } from './journeys/people.js'
import { requireKeycloak, requirePostgresql } from './support/environment.js'
import { logInByPassword } from './support/keycloak-client.js'
import { createDatabase } from './support/postgresql.js'
import { startService } from './support/service.js'
import { settingsFor } from './support/settings.js'
import { rotateSigningKey } from './survival/rotation.js'

test('a token of a key that Keycloak has just begun to sign with is accepted within 35 s', async () => {
  const keycloak = await requireKeycloak()
  const env = settingsFor(keycloak, await createDatabase(await requirePostgresql()))
  const service = await startService({ env })
  const use = async (token: string) =>
    (await ask(`${service.url}/me`, { headers: { authorization: `Bearer ${token}` } })).status
  const before = (await logInByPassword(keycloak, 'alice')).access_token
  expect(await use(before)).toBe(200)

  const takeBack = await rotateSigningKey(keycloak)
  try {
    const after = (await logInByPassword(keycloak, 'alice')).access_token
    const begun = performance.now()
    // No oftener, or the address is throttled for what it was refused.
    while ((await use(after)) !== 200 && performance.now() - begun < 60_000) await delay(1_000)

    expect(decodeProtectedHeader(after).kid).not.toBe(decodeProtectedHeader(before).kid)
    expect(performance.now() - begun).toBeLessThan(35_000)
    // The old key is still published: what was signed by it stays good.
    expect(await use(before)).toBe(200)
  } finally {
    await takeBack()
    await service.stop()
  }
})
