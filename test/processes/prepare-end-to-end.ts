// Makes what the end-to-end tests need once on a machine and keep: `node dist/test/processes/prepare-end-to-end.js`. They
// make it themselves when they lack it; the gate runs this beside other steps. Needs what test/e2e/support/install.sh installs.
import { prepareTomcat } from '../e2e/support/echo-servers.js'
import { prepareKeycloak } from '../e2e/support/keycloak.js'
import { requireRuntimes } from '../e2e/support/runtimes.js'

for (const [name, prepare] of Object.entries({
  Keycloak: prepareKeycloak,
  Tomcat: prepareTomcat,
  runtimes: requireRuntimes,
})) {
  const begun = performance.now()
  await prepare()
  console.log(`${name} took ${((performance.now() - begun) / 1000).toFixed(1)} s`)
}
