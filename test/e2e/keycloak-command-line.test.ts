import { setTimeout as delay } from 'node:timers/promises'
import { describeTerminalLogins } from './journeys/terminal-logins.js'
import { useKeycloakWorld } from './journeys/world.js'

const world = useKeycloakWorld()

describeTerminalLogins(world, {
  rights: ['read:metadata', 'read:data'],
  // The realm gives the command line tokens of 32 seconds, and it renews what has less than 30 left.
  async endAccessToken() {
    await delay(2_500)
  },
})
