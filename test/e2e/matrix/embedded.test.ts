import { describeLogin } from '../journeys/login.js'
import { describeSwagger } from '../journeys/swagger.js'
import { useWorld } from '../journeys/world.js'
import { startService } from '../support/service.js'

// The gate has these journeys with Keycloak and PostgreSQL: `keycloak.test.ts`.
const world = useWorld(
  'embedded',
  async () =>
    await startService({
      env: { LOGIN_RATE_PER_MINUTE: 'off', KEY_CHANGES_PER_HOUR: 'off', MAX_KEYS_PER_USER: '200' },
    }),
)

describeLogin(world)
describeSwagger(world)
