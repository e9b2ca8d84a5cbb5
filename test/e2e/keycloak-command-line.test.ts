import { setTimeout as delay } from 'node:timers/promises'
import { describeTerminalLogins } from './journeys/terminal-logins.js'
import { useWorld } from './journeys/world.js'
import { requireKeycloak, requirePostgresql } from './support/environment.js'
import { createDatabase } from './support/postgresql.js'
import { startService } from './support/service.js'
import { settingsFor } from './support/settings.js'

const world = useWorld('keycloak', async () => {
  const keycloak = await requireKeycloak()
  return await startService({ env: settingsFor(keycloak, await createDatabase(await requirePostgresql())) })
})

describeTerminalLogins(world, {
  rights: ['read:metadata', 'read:data'],
  // The realm gives the command line tokens of 32 seconds, and it renews what has less than 30 left.
  async endAccessToken() {
    await delay(2_500)
  },
})
