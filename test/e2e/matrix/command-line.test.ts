import { readLogin, writeLogin } from '../journeys/terminal.js'
import { describeTerminalLogins } from '../journeys/terminal-logins.js'
import { useWorld } from '../journeys/world.js'
import { startService } from '../support/service.js'

const world = useWorld(
  'embedded',
  async () =>
    await startService({
      env: { LOGIN_RATE_PER_MINUTE: 'off', KEY_CHANGES_PER_HOUR: 'off', MAX_KEYS_PER_USER: '200' },
    }),
)

// The gate has these journeys with Keycloak: `keycloak-command-line.test.ts`.
describeTerminalLogins(world, {
  rights: ['latchkey:catalog_read', 'latchkey:catalog_write'],
  // Its tokens always live five minutes: for the command line they have passed.
  async endAccessToken(line) {
    await writeLogin(line, { ...(await readLogin(line)), expiresAt: Date.now() })
  },
})
