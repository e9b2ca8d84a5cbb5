import { startWorker } from '../messages.js'
import { asCount, findMiss, type RunOptions, type Section } from '../section.js'
import { startCopy } from '../stores.js'

/** As many as the verifier of each kind remembers. */
const [cachedKeys, cachedTokens] = [100_000, 10_000]
const targetBytes = 600

/** What the service holds in memory for each key that it remembers, and for each OAuth2 token. */
export async function measureMemory({ keys }: RunOptions): Promise<Section> {
  const stored = Math.max(...keys, cachedKeys)
  const postgresql = await startCopy(stored)
  try {
    const bytesPerKey = await measureBytes(['keys', String(cachedKeys), postgresql.url])
    const bytesPerToken = await measureBytes(['tokens', String(cachedTokens)])
    return {
      heading: 'Memory',
      setup: 'heap and buffers after a collection',
      head: ['', 'bytes each', 'target', 'all, MB'],
      rows: [
        describe('a remembered key, 20 an owner', bytesPerKey, cachedKeys, `≤ ${targetBytes}`),
        describe('a remembered OAuth2 token', bytesPerToken, cachedTokens, ''),
      ],
      misses: findMiss('Bytes for each remembered key', bytesPerKey, targetBytes),
    }
  } finally {
    await postgresql.stop()
  }
}

async function measureBytes(parameters: string[]): Promise<number> {
  const worker = startWorker('./remember.js', parameters, ['--expose-gc'])
  await worker.first
  const bytes = await worker.ask('measure')
  await worker.stop()
  return Number(bytes)
}

const describe = (title: string, bytes: number, count: number, target: string) => [
  `${title}, ${asCount(count)} of them`,
  bytes.toFixed(0),
  target,
  ((bytes * count) / 1e6).toFixed(0),
]
