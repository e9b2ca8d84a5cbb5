const vitest = /^ *(Tests .+)$/
const soak = /^soak: (.+)$/

/**
 * What is long. `minutes` is the limit, about twice the time on two idle cores; `figures` are the lines of the log that
 * the table shows, by their first group.
 */
export const parts = [
  {
    name: 'qgis',
    what: 'the recipes of QGIS, which it installs on Debian as root (1 GB)',
    command: 'npm run test:e2e -- embedded-recipes -t qgis',
    env: { LATCHKEY_E2E_QGIS: 'true' },
    minutes: 30,
    figures: [vitest],
  },
  {
    name: 'matrix',
    what: 'what the end-to-end tests of the gate have one case of, in all combinations',
    command: 'npm run test:e2e:matrix',
    minutes: 15,
    figures: [vitest],
  },
  {
    name: 'ends',
    what: 'the service and its PostgreSQL, killed and ended again and again under load',
    command: 'npm run test:soak -- ends',
    minutes: 30,
    figures: [soak, vitest],
  },
  {
    name: 'keycloak',
    what: 'a Keycloak that rotates its key, is flooded, and is away for 12 minutes',
    command: 'npm run test:soak -- keycloak-keys',
    minutes: 35,
    figures: [soak, vitest],
  },
  {
    name: 'replicas',
    what: '1,000 keys revoked at one replica while in use at the other',
    command: 'npm run test:soak -- replicas',
    minutes: 10,
    figures: [soak, vitest],
  },
  {
    name: 'document',
    what: 'schemathesis over the whole OpenAPI document, two minutes for each kind of caller and seed',
    command: 'npm run test:soak -- hostile-document',
    minutes: 35,
    figures: [soak, vitest],
  },
  {
    name: 'credentials',
    what: '100,000 wrong credentials',
    command: 'npm run test:soak -- hostile-credentials',
    minutes: 20,
    figures: [soak, vitest],
  },
  {
    name: 'attack',
    what: 'garbage, slow peers, kills and terms for 5 minutes, against a model of right verdicts',
    command: 'npm run test:soak -- attack',
    minutes: 15,
    figures: [soak, vitest],
  },
  {
    name: 'mutation',
    what: 'mutants of the code that decides who gets in',
    command: 'npm run test:mutation',
    minutes: 75,
    figures: [/^(All files +\| +[\d.]+)/, /^ +([\w-]+\.ts +\| +[\d.]+)/],
  },
  {
    name: 'keys',
    what: 'first checks, start-up and memory with up to a million keys stored',
    command: 'npm run bench -- --only first,startup,memory --blocks 2',
    minutes: 45,
    figures: [/^(\|.+\|)$/, /^(Missed: .+)$/],
  },
]
