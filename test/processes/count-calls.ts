// A process that opens the database in the folder it is given and counts a call of one key every few milliseconds, and
// prints how many have passed. Whoever started it kills it.
import { setTimeout as sleep } from 'node:timers/promises'
import { createLimitKeeper } from '../../src/limits/index.js'
import { openDatabase } from '../../src/store/database.js'
import { migrationsDir } from '../support/migrations-dir.js'

const [dataDir = '', id = '', every = '5'] = process.argv.slice(2)
const db = await openDatabase({ url: undefined, dataDir, migrationsDir })
const keeper = createLimitKeeper({
  db,
  timeZone: 'UTC',
  headerPrefix: 'Otoroshi',
  clock: Date.now,
  whenRedisIsDown: 'local',
  log: console,
  onError: console.error,
})
const party = { id, limits: { perSecond: null, perDay: null, perMonth: 1_000_000 } }
for (let passed = 0; ; ) {
  if ((await keeper.take([party])).kind === 'passed') passed += 1
  process.stdout.write(`${Date.now()} ${passed}\n`)
  await sleep(Number(every))
}
