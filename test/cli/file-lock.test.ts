import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { withLock } from '../../src/cli/file-lock.js'
import { takeProcessLock } from '../../src/process-lock.js'

let path: string
beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-lock-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  path = join(folder, 'file.json')
})

/** A lock as another program left it: one of this process, with other facts. */
async function leaveLock(facts: { pid: number; startedAt: string }) {
  const own = await withLock(path, async () => JSON.parse(await readFile(`${path}.lock`, 'utf8')))
  await writeFile(`${path}.lock`, JSON.stringify({ ...own, nonce: 'theirs', ...facts }))
}
const killed = { pid: 2 ** 22 + 1, startedAt: '1' }
const running = { pid: process.ppid, startedAt: '' }

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
  await leaveLock(killed)

  expect(await countTogether(20)).toBe(1)
  expect(await readdir(join(path, '..'))).toEqual([])
})

test('a lock that somebody holds is waited for, however long they hold it', async () => {
  await leaveLock(running)
  const released = delay(1_500).then(async () => {
    await rm(`${path}.lock`)
    return 'released'
  })

  const first = await Promise.race([released, withLock(path, async () => 'taken')])

  expect(first).toBe('released')
})

test('the folder that a killed program of an earlier release left as its lock is taken over', async () => {
  await mkdir(`${path}.lock`)

  const release = await takeProcessLock(`${path}.lock`, 300)

  expect((await stat(`${path}.lock`)).isFile()).toBe(true)
  release()
  expect(await readdir(join(path, '..'))).toEqual([])
})

test('the lock is given back where the work fails', async () => {
  await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no')

  expect(await withLock(path, async () => 'done')).toBe('done')
})

test('a folder that cannot be had is told', async () => {
  await writeFile(path, '')

  await expect(withLock(join(path, 'below.json'), async () => {})).rejects.toMatchObject({ exitCode: 73 })
})
