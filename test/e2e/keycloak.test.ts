import { describeCommandLine } from './journeys/command-line.js'
import { describeLogin } from './journeys/login.js'
import { describeSwagger } from './journeys/swagger.js'
import { useWorld } from './journeys/world.js'
import { requireKeycloak, requirePostgresql } from './support/environment.js'
import { createDatabase } from './support/postgresql.js'
import { startService } from './support/service.js'
import { settingsFor } from './support/settings.js'

const world = useWorld('keycloak', async () => {
  const keycloak = await requireKeycloak()
  return await startService({ env: settingsFor(keycloak, await createDatabase(await requirePostgresql())) })
})

describeLogin(world)
describeSwagger(world)
describeCommandLine(world)
