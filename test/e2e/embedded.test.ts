import { describeCommandLine } from './journeys/command-line.js'
import { describeLogin } from './journeys/login.js'
import { describeSwagger } from './journeys/swagger.js'
import { useWorld } from './journeys/world.js'
import { startService } from './support/service.js'

// Nothing but what `npm start` has: the embedded database and the embedded identity provider.
const world = useWorld(
  'embedded',
  async () => await startService({ env: { LOGIN_RATE_PER_MINUTE: 'off', MAX_KEYS_PER_USER: '200' } }),
)

describeLogin(world)
describeSwagger(world)
describeCommandLine(world)
