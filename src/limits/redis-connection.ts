import { Redis } from 'ioredis'
import { withinPatience } from '../patience.js'
import type { Script } from './redis-scripts.js'

/** One connection to Redis, which is opened again whenever it ends. */
export interface RedisConnection {
  isReady(): boolean
  /** Runs a script. @throws when Redis does not answer in time */
  run(script: Script, keys: readonly string[], words: readonly (string | number)[]): Promise<unknown>
  /** The time of Redis, in milliseconds since the epoch. @throws when Redis does not answer in time */
  readTime(): Promise<number>
  /** Deletes keys. @throws when Redis does not answer in time */
  delete(keys: readonly string[]): Promise<void>
  /** Deletes a field of a hash. @throws when Redis does not answer in time */
  deleteField(key: string, field: string): Promise<void>
  /** Ends the connection and rejects all commands under way, so that no late answer is believed. Then opens it again. */
  reconnect(): void
  close(): void
}

/** How long an answer is awaited. What Redis reads later, it must refuse: nobody waits for the answer. */
export const patienceMs = 500
const reconnectAfterMs = 200

export function connectRedis(url: string, onClose: (reason: Error) => void): RedisConnection {
  const redis = new Redis(url, {
    connectTimeout: 2 * patienceMs,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => reconnectAfterMs,
    connectionName: 'latchkey',
  })
  // Without a listener the event ends the process. The errors of commands carry the reason.
  redis.on('error', () => {})
  redis.on('close', () => onClose(new Error('The connection to Redis is closed')))

  return {
    isReady: () => redis.status === 'ready',
    run: (script, keys, words) => inTime(runScript(redis, script, keys, words)),
    readTime: async () => {
      const [seconds, micros] = await inTime(redis.time())
      return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
    },
    delete: async (keys) => void (await inTime(redis.del(...keys))),
    deleteField: async (key, field) => void (await inTime(redis.hdel(key, field))),
    reconnect: () => redis.disconnect(true),
    close: () => redis.disconnect(),
  }
}

/** Runs a script by its hash, and sends its text where Redis does not know it yet. */
async function runScript(
  redis: Redis,
  { lua, sha1 }: Script,
  keys: readonly string[],
  words: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await redis.evalsha(sha1, keys.length, ...keys, ...words)
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    return redis.eval(lua, keys.length, ...keys, ...words)
  }
}

/** @throws when the answer takes longer */
function inTime<T>(answer: Promise<T>): Promise<T> {
  return withinPatience(answer, patienceMs, () => new Error(`Redis did not answer within ${patienceMs} ms`))
}
