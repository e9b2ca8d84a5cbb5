import { expect, test } from 'vitest'
import { StoreUnavailable } from '../../src/store/unavailable.js'
import { createWalSync, type SegmentDisk } from '../../src/store/wal-sync.js'

/** A disk that notes what it is asked, and finishes each sync when it is told to. */
function aSlowDisk() {
  const asked: string[] = []
  const askedNow: string[] = []
  const running: { finish(): void; refuse(error: Error): void }[] = []
  const disk: SegmentDisk = {
    sync: (segment) => {
      asked.push(segment)
      return new Promise((finish, refuse) => running.push({ finish, refuse }))
    },
    syncNow: (segment) => void askedNow.push(segment),
  }
  return {
    disk,
    asked,
    askedNow,
    finishNext: () => running.shift()?.finish(),
    refuseNext: () => running.shift()?.refuse(new Error('EIO')),
  }
}

/** What has become of a promise once everything that can go on has gone on. */
async function readState(promise: Promise<void>): Promise<string> {
  const settled = promise.then(
    () => 'done',
    () => 'refused',
  )
  return await Promise.race([settled, new Promise<string>((resolve) => setImmediate(resolve, 'waiting'))])
}

test('a commit is acknowledged only after its segment has reached the disk', async () => {
  const { disk, finishNext } = aSlowDisk()
  const log = createWalSync(disk)
  log.defer('1')

  const commit = log.flush()

  expect(await readState(commit)).toBe('waiting')
  finishNext()
  expect(await readState(commit)).toBe('done')
})

test('commits that come during a sync share the next one, which begins after them', async () => {
  const { disk, asked, finishNext } = aSlowDisk()
  const log = createWalSync(disk)
  log.defer('1')
  const first = log.flush()
  log.defer('1')
  const second = log.flush()
  log.defer('1')
  const third = log.flush()

  finishNext()
  await first

  expect(await readState(second)).toBe('waiting')
  expect(asked).toEqual(['1', '1'])
  finishNext()
  await Promise.all([second, third])
  expect(asked).toEqual(['1', '1'])
})

test('a commit that spans two segments waits for both', async () => {
  const { disk, asked, finishNext } = aSlowDisk()
  const log = createWalSync(disk)
  log.defer('1')
  log.defer('2')

  const commit = log.flush()

  expect(asked).toEqual(['1', '2'])
  finishNext()
  expect(await readState(commit)).toBe('waiting')
  finishNext()
  expect(await readState(commit)).toBe('done')
})

test('what wrote nothing waits for a sync under way that holds what it may have read, and asks for none', async () => {
  const { disk, asked, finishNext } = aSlowDisk()
  const log = createWalSync(disk)
  log.defer('1')
  const writer = log.flush()

  const reader = log.flush()

  expect(await readState(reader)).toBe('waiting')
  finishNext()
  await Promise.all([writer, reader])
  await log.flush()
  expect(asked).toEqual(['1'])
})

test('before pages are written, the log goes to the disk at once, with what is still under way', () => {
  const { disk, askedNow } = aSlowDisk()
  const log = createWalSync(disk)
  log.defer('1')
  void log.flush()
  log.defer('2')

  log.flushNow()

  expect(askedNow).toEqual(['1', '2'])
})

test('once the disk has refused, no later commit is acknowledged either', async () => {
  const { disk, refuseNext } = aSlowDisk()
  const log = createWalSync(disk)
  log.defer('1')
  const first = log.flush()
  log.defer('1')
  const second = log.flush()

  refuseNext()

  await expect(first).rejects.toThrow(StoreUnavailable)
  await expect(second).rejects.toThrow(StoreUnavailable)
  await expect(log.flush()).rejects.toThrow(StoreUnavailable)
  expect(() => log.flushNow()).toThrow(StoreUnavailable)
})

test('a disk that refuses at once is refused as unavailable', async () => {
  const { disk } = aSlowDisk()
  const log = createWalSync({
    ...disk,
    syncNow: () => {
      throw new Error('EIO')
    },
  })
  log.defer('1')

  expect(() => log.flushNow()).toThrow(StoreUnavailable)
  await expect(log.flush()).rejects.toThrow(StoreUnavailable)
})

test('a segment that a checkpoint has renamed is no failure', async () => {
  const log = createWalSync()
  log.defer('/nowhere/pg_wal/000000010000000000000001')

  await expect(log.flush()).resolves.toBeUndefined()
})
