import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { withLock } from '../../src/cli/file-lock.js'

let path: string
beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-lock-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  path = join(folder, 'file.json')
})

/** A lock as a killed program leaves it. */
async function leaveLock(ageMs: number) {
  await mkdir(`${path}.lock`)
  const touchedAt = new Date(Date.now() - ageMs)
  await utimes(`${path}.lock`, touchedAt, touchedAt)
}

/** How many were at it together, at most. */
async function countTogether(programs: number): Promise<number> {
  let [now, most] = [0, 0]
  const work = () =>
    withLock(path, async () => {
      now += 1
      most = Math.max(most, now)
      await delay(5)
      now -= 1
    })
  await Promise.all(Array.from({ length: programs }, work))
  return most
}

test('20 at once do it one after another, and leave nothing', async () => {
  expect(await countTogether(20)).toBe(1)
  expect(await readdir(join(path, '..'))).toEqual([])
})

test('20 that find the lock of a killed program do it one after another', async () => {
  await leaveLock(10_001)

  expect(await countTogether(20)).toBe(1)
  expect(await readdir(join(path, '..'))).toEqual([])
})

test('a lock that somebody holds is waited for, however long they hold it', async () => {
  await leaveLock(8_000)
  const released = delay(1_500).then(async () => {
    await rm(`${path}.lock`, { recursive: true })
    return 'released'
  })

  const first = await Promise.race([released, withLock(path, async () => 'taken')])

  expect(first).toBe('released')
})

test('the lock is given back where the work fails', async () => {
  await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no')

  expect(await withLock(path, async () => 'done')).toBe('done')
})

test('a folder that cannot be had is told', async () => {
  await writeFile(path, '')

  await expect(withLock(join(path, 'below.json'), async () => {})).rejects.toMatchObject({ exitCode: 73 })
})
