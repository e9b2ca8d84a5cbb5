import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'

/** A program that Redis runs as one step. */
export interface Script {
  readonly lua: string
  readonly sha1: string
}

// One hash tag: on a cluster all keys of a call are then on one node, as a script demands.
const tag = '{latchkey}'
export const openKey = `${tag}:open`
export const replicasKey = `${tag}:replicas`
/** Of the counters of a party: `:s:<second>`, `:d:<start of the day>` and `:m:<start of the month>` follow. */
export const partyKey = (id: string) => `${tag}:${id}`

const readTime = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

/**
 * Counts a call against all counters, or against none; or only tells them.
 *
 * Keys: what is there while replicas share, then each party. Arguments: the word that they agreed on, until when the
 * caller waits, 1 to count, the day and the month that the caller is in; then of each party the limits by second, day
 * and month (-1: none, -2: not counted) and what is stored of its day and month (-1: not known).
 *
 * Answers `{'ok', now, second, day, month, …}` with what was counted before this call, or why it did nothing: `late`,
 * `closed` (this Redis has forgotten what it held) or `calendar` (another day has begun).
 */
export const takeScript = makeScript(`${readTime}
if now > tonumber(ARGV[2]) then return {'late', now} end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'closed', now} end
if now < tonumber(ARGV[4]) or now >= tonumber(ARGV[5]) then return {'calendar', now} end

local function raise(key, stored, endsAt)
  local used = tonumber(redis.call('GET', key) or 0)
  if used >= stored then return used end
  redis.call('SET', key, stored)
  redis.call('PEXPIREAT', key, endsAt)
  return stored
end

local counters = {}
local answer = {'ok', now}
local fits = true
local function read(key, limit, stored, endsAt)
  local used = 0
  if limit ~= -2 then
    used = raise(key, stored, endsAt)
    if limit ~= -1 and used >= limit then fits = false end
    counters[#counters + 1] = {key, endsAt}
  end
  answer[#answer + 1] = used
end

-- What a clock that is set back returns to is still there for a day.
local slack = 86400000
for at = 2, #KEYS do
  local first = 8 + (at - 2) * 5
  local key = KEYS[at]
  read(key .. ':s:' .. time[1], tonumber(ARGV[first]), -1, now + 10000)
  read(key .. ':d:' .. ARGV[4], tonumber(ARGV[first + 1]), tonumber(ARGV[first + 3]), ARGV[5] + slack)
  read(key .. ':m:' .. ARGV[6], tonumber(ARGV[first + 2]), tonumber(ARGV[first + 4]), ARGV[7] + slack)
end
if fits and ARGV[3] == '1' then
  for _, counter in ipairs(counters) do
    if redis.call('INCR', counter[1]) == 1 then redis.call('PEXPIREAT', counter[1], counter[2]) end
  end
end
return answer
`)

/**
 * Announces a replica and tells of all. Keys: the replicas, and what is there while they share. Arguments: its id, until
 * when it waits, its state, how long a silent replica is remembered, and the word that it agreed on, empty for none.
 * Answers `{'ok', now, id, 'seenAt state', …}`, or why it did nothing: `late` or `closed`.
 */
export const beatScript = makeScript(`${readTime}
if now > tonumber(ARGV[2]) then return {'late', now} end
if ARGV[5] ~= '' and redis.call('GET', KEYS[2]) ~= ARGV[5] then return {'closed', now} end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d', now) .. ' ' .. ARGV[3])
local all = redis.call('HGETALL', KEYS[1])
local answer = {'ok', now}
for at = 1, #all, 2 do
  local seenAt = tonumber(string.match(all[at + 1], '^%d+'))
  if math.abs(now - seenAt) > tonumber(ARGV[4]) then redis.call('HDEL', KEYS[1], all[at])
  else
    answer[#answer + 1] = all[at]
    answer[#answer + 1] = all[at + 1]
  end
end
return answer
`)

/** The word that all agree on, which is gone when Redis has forgotten its counters. Argument: a new one. */
export const openScript = makeScript(`
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
`)

function makeScript(lua: string): Script {
  return { lua, sha1: createHash('sha1').update(lua).digest('hex') }
}

/** Runs it by its hash, and in full where Redis does not know it yet. */
export async function runScript(
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
