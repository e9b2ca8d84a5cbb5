import { describeLogin } from '../journeys/login.js'
import { describeSwagger } from '../journeys/swagger.js'
import { useEmbeddedWorld } from '../journeys/world.js'

// The gate has these journeys with Keycloak and PostgreSQL: `keycloak.test.ts`.
const world = useEmbeddedWorld()

describeLogin(world)
describeSwagger(world)
