import { describeCommandLine } from './journeys/command-line.js'
import { describeLogin } from './journeys/login.js'
import { describeSwagger } from './journeys/swagger.js'
import { useKeycloakWorld } from './journeys/world.js'

const world = useKeycloakWorld()

describeLogin(world)
describeSwagger(world)
describeCommandLine(world)
