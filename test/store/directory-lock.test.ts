import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DirectoryInUse, lockDirectory } from '../../src/store/directory-lock.js'

let parent: string
let folder: string

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'latchkey-lock-'))
  folder = join(parent, 'db')
})
afterEach(() => rmSync(parent, { recursive: true }))

/** A lock as another process left it: this process' own, with the given facts changed. */
async function leaveLock(facts: object): Promise<void> {
  const unlock = await lockDirectory(folder)
  const own = JSON.parse(readFileSync(`${folder}.lock`, 'utf8'))
  unlock()
  writeFileSync(`${folder}.lock`, JSON.stringify({ ...own, nonce: 'theirs', ...facts }))
}

test('a folder given back can be taken again, and leaves nothing behind', async () => {
  const unlock = await lockDirectory(folder)
  unlock()

  const unlockAgain = await lockDirectory(folder)

  unlockAgain()
  expect(readdirSync(parent)).toEqual([])
})

test('a folder that this process has open is refused, and said so', async () => {
  const unlock = await lockDirectory(folder)

  const second = lockDirectory(folder)

  await expect(second).rejects.toThrow(DirectoryInUse)
  await expect(second).rejects.toThrow(`${folder} is in use by this process`)
  unlock()
})

test('a folder that a running process has open is refused, and the process is named', async () => {
  await leaveLock({ pid: process.ppid, startedAt: readStart(process.ppid) })

  const second = lockDirectory(folder)

  await expect(second).rejects.toThrow(`${folder} is in use by process ${process.ppid}.`)
  expect(existsSync(`${folder}.lock`)).toBe(true)
})

/** When a process began, as Linux tells it: the 22nd member, behind a name that may hold blanks. */
const readStart = (pid: number) =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19] ?? ''

test('where no system tells when a process began, a running pid without a sign of life is another program', async () => {
  await leaveLock({ pid: process.ppid, startedAt: '' })

  const unlock = await lockDirectory(folder, 300)

  expect(JSON.parse(readFileSync(`${folder}.lock`, 'utf8'))).toMatchObject({ pid: process.pid })
  unlock()
})

test('the lock of a process that is gone is taken over, even when its pid runs again', async () => {
  await leaveLock({ pid: process.ppid, startedAt: '1' })

  const unlock = await lockDirectory(folder)

  expect(JSON.parse(readFileSync(`${folder}.lock`, 'utf8'))).toMatchObject({ pid: process.pid })
  unlock()
})

test('of many that find a dead lock at once, exactly one gets the folder', async () => {
  await leaveLock({ startedAt: '1' })

  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(folder)))

  expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1)
})

test('a process killed while it took a lock over does not keep the others out', async () => {
  await leaveLock({ startedAt: '1' })
  writeFileSync(`${folder}.lock.takeover`, readFileSync(`${folder}.lock`))

  const unlock = await lockDirectory(folder)

  unlock()
  expect(readdirSync(parent)).toEqual([])
})

test('a lock that changed hands is not removed by the one who had it', async () => {
  const unlock = await lockDirectory(folder)
  const other = readFileSync(`${folder}.lock`, 'utf8').replace(/"nonce":"[^"]*"/, '"nonce":"theirs"')
  writeFileSync(`${folder}.lock`, other)

  unlock()

  expect(readFileSync(`${folder}.lock`, 'utf8')).toBe(other)
})

test('a lock of another container is refused while it is kept alive, whatever pid it names', async () => {
  await leaveLock({ namespace: 'another boot pid:[1]', startedAt: '1' })
  const beat = setInterval(() => utimesSync(`${folder}.lock`, new Date(), new Date()), 50)

  const second = lockDirectory(folder)

  await expect(second).rejects.toThrow(/in use by .* of another container or machine/)
  clearInterval(beat)
})

test('a lock of another container that has fallen silent is taken over', async () => {
  await leaveLock({ namespace: 'another boot pid:[1]' })

  const unlock = await lockDirectory(folder, 500)

  unlock()
  expect(readdirSync(parent)).toEqual([])
})

test('a lock that nobody can read is refused, for it may be alive', async () => {
  writeFileSync(`${folder}.lock`, 'no lock of ours')

  await expect(lockDirectory(folder)).rejects.toThrow(`The lock ${folder}.lock cannot be read`)
})
