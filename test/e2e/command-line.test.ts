import { describeTerminalCommands } from './journeys/terminal-commands.js'
import { useWorld } from './journeys/world.js'
import { startService } from './support/service.js'

const world = useWorld(
  'embedded',
  async () =>
    await startService({
      env: { LOGIN_RATE_PER_MINUTE: 'off', KEY_CHANGES_PER_HOUR: 'off', MAX_KEYS_PER_USER: '200' },
    }),
)

describeTerminalCommands(world, 'latchkey:catalog_write')
