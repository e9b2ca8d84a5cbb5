import { createHash } from 'node:crypto'

/** A program that Redis runs as one step. */
export interface Script {
  readonly lua: string
  readonly sha1: string
}

// One hash tag keeps all keys of a script on one node of a cluster, as Redis demands.
const tag = '{latchkey}'
/** Holds the epoch. The names stay as they are, because replicas of two versions share Redis during an update. */
export const epochKey = `${tag}:open`
export const replicasKey = `${tag}:replicas`
/** Begins the names of a party's counters: `:s:<second>`, `:d:<start of the day>` and `:m:<start of the month>` follow. */
export const partyKey = (id: string) => `${tag}:${id}`

// In place of a limit: the counter has no limit, or is not counted at all.
export const unlimited = -1
export const notCounted = -2
/** In place of what is stored of a counter: Redis was seeded with it before. */
export const seededBefore = -1

const readTime = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

/**
 * Counts a list of calls in their order: each against all counters of its parties, or against none of them.
 *
 * Keys: the epoch, then each party once. Arguments: the epoch of the caller, until when it waits, the start and end of
 * its day and of its month, and a JSON array of numbers. The array holds for each party its limits by second, day and
 * month, and what is stored of its day and month. Then come the calls: how many equal ones, how many parties they have,
 * and the places of those in the list, from 1 on.
 *
 * Answers `{'ok', now, second, day, month, …}` with what was counted of each party before the first call. Otherwise
 * nothing was counted, and the answer says why: `late`, `closed` (another epoch) or `calendar` (another day).
 */
export const countScript = makeScript(`${readTime}
if now > tonumber(ARGV[2]) then return {'late', now} end
local call = redis.call
if call('GET', KEYS[1]) ~= ARGV[1] then return {'closed', now} end
if now < tonumber(ARGV[3]) or now >= tonumber(ARGV[4]) then return {'calendar', now} end

-- A clock that is set back still finds its counters for a day.
local slack = 86400000
local ends = {now + 10000, ARGV[4] + slack, ARGV[6] + slack}
local second, day, month = ':s:' .. time[1], ':d:' .. ARGV[3], ':m:' .. ARGV[5]

-- Each party has three counters in a row. A counter has the same place in all lists.
local words = cjson.decode(ARGV[7])
local names, limits, used, taken = {}, {}, {}, {}
local counters = 3 * (#KEYS - 1)
local answer = {'ok', now}
local word = 1
if counters > 0 then
  for at = 1, counters, 3 do
    local party = KEYS[(at + 5) / 3]
    names[at], names[at + 1], names[at + 2] = party .. second, party .. day, party .. month
  end
  local values = call('MGET', unpack(names))
  for at = 1, counters, 3 do
    for kind = 0, 2 do
      local place = at + kind
      local limit, count = words[word + kind], values[place] and tonumber(values[place]) or 0
      local stored = kind == 0 and -1 or words[word + 2 + kind]
      if stored > count and limit ~= -2 then
        call('SET', names[place], stored, 'PX', ends[kind + 1] - now)
        count = stored
      end
      limits[place], used[place], taken[place], answer[place + 2] = limit, count, 0, count
    end
    word = word + 5
  end
end

while word < #words do
  local fits, last = words[word], word + 1 + words[word + 1]
  for at = word + 2, last do
    local counter = words[at] * 3
    for place = counter - 2, counter do
      local limit = limits[place]
      if limit >= 0 and limit - used[place] < fits then fits = limit - used[place] end
    end
  end
  if fits > 0 then
    for at = word + 2, last do
      local counter = words[at] * 3
      for place = counter - 2, counter do
        used[place], taken[place] = used[place] + fits, taken[place] + fits
      end
    end
  end
  word = last + 1
end

for place = 1, counters do
  local count = taken[place]
  if count > 0 and limits[place] ~= -2 and call('INCRBY', names[place], count) == count then
    call('PEXPIREAT', names[place], ends[(place - 1) % 3 + 1])
  end
end
return answer
`)

/**
 * Announces a replica and lists all of them. Keys: the replicas, and the epoch. Arguments: its id, until when it waits,
 * its state, how long a silent replica is remembered, and the epoch that it counts in, empty for none.
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

/** Answers the epoch that all replicas agree on. Key: the epoch. Argument: a new one, for a Redis that holds none. */
export const epochScript = makeScript(`
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
`)

function makeScript(lua: string): Script {
  return { lua, sha1: createHash('sha1').update(lua).digest('hex') }
}
