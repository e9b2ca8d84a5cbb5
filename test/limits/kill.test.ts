import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openDatabase } from '../../src/store/database.js'
import { startChild } from '../support/child-process.js'
import { copyDatabaseTo } from '../support/database.js'
import { migrationsDir } from '../support/migrations-dir.js'
import { aKeeper } from './a-keeper.js'

test('a process that is killed forgets at most the calls of its last second', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'latchkey-limits-'))
  copyDatabaseTo(dataDir)
  const child = startChild('count-calls', dataDir, 'key:killed')
  await child.waitForLine('')
  await sleep(2700)

  await child.kill()

  const counted = child.lines.map((line) => line.split(' ').map(Number) as [number, number])
  const [killedAt, passed] = counted.at(-1) ?? [0, 0]
  const [, passedBefore] = counted.findLast(([at]) => at <= killedAt - 1000) ?? [0, 0]
  const db = await openDatabase({ url: undefined, dataDir, migrationsDir })
  const keeper = aKeeper(db, { at: new Date(killedAt).toISOString() })
  const party = { id: 'key:killed', limits: { perSecond: null, perDay: null, perMonth: 1_000_000 } }
  const remembered = 1_000_000 - ((await keeper.look([party]))[0]?.remaining ?? 0)
  expect(passedBefore).toBeGreaterThan(50)
  expect(remembered).toBeGreaterThanOrEqual(passedBefore)
  expect(remembered).toBeLessThanOrEqual(passed)
  await keeper.close()
  await db.close()
  rmSync(dataDir, { recursive: true })
}, 60_000)
