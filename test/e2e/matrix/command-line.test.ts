import { readLogin, writeLogin } from '../journeys/terminal.js'
import { describeTerminalLogins } from '../journeys/terminal-logins.js'
import { useEmbeddedWorld } from '../journeys/world.js'

const world = useEmbeddedWorld()

// The gate has these journeys with Keycloak: `keycloak-command-line.test.ts`.
describeTerminalLogins(world, {
  rights: ['latchkey:catalog_read', 'latchkey:catalog_write'],
  // Its tokens always live five minutes: for the command line they have passed.
  async endAccessToken(line) {
    await writeLogin(line, { ...(await readLogin(line)), expiresAt: Date.now() })
  },
})
