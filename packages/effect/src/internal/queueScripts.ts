/**
 * The steps of a persisted queue, each in one script. All keys of a queue are in one slot, and each script declares them all. Times
 * come from the server's clock.
 *
 * | key | what it is |
 * |---|---|
 * | `ready` | a list of the ids that can be taken, the next one first |
 * | `delayed` | a sorted set of ids by the time at which they can be taken |
 * | `items` | a hash from ids to elements, as JSON |
 * | `claims` | a sorted set of the ids that were taken, by the time at which their lease ends |
 * | `owners` | a hash from these ids to the token of the one who took them |
 * | `attempts` | a hash from ids to the number of times that they were taken |
 * | `failed` | a sorted set of the ids that were given up, by time |
 * | `failures` | a hash from these ids to the last failure, as text |
 * | `ids` | a sorted set of the ids that were given by programs, by the time at which they were completed, else infinity |
 */
import * as Script from "@redisc/core/Script"
import * as Schema from "effect/Schema"

const parts = ["ready", "delayed", "items", "claims", "owners", "attempts", "failed", "failures", "ids"] as const

/** The keys of a queue all begin with its root, a hash tag. */
const keysOf = (root: string): ReadonlyArray<string> => parts.map((part) => `${root}:${part}`)

/** The root of the queue that a key is of; undefined for a key of something else. */
export const rootOf = (key: string, part: (typeof parts)[number]): string | undefined =>
  key.endsWith(`}:${part}`) ? key.slice(0, -part.length - 1) : undefined

const names = `
local ${parts.join(", ")} = ${parts.map((_, index) => `KEYS[${index + 1}]`).join(", ")}
local time = redis.call("TIME")
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function at(millis) return string.format("%.0f", millis) end
`

/** What failed for good stays: the element, how often it was taken, and why it failed. Its id stays taken. */
const bury = `
local function bury(id, why)
  redis.call("ZADD", failed, at(now), id)
  redis.call("HSET", failures, id, why)
  redis.call("ZADD", ids, "XX", "+inf", id)
end
`

/** Goes on only if the claim is still that of the caller. */
const release = `
local id = ARGV[1]
if redis.call("HGET", owners, id) ~= ARGV[2] then return 0 end
redis.call("HDEL", owners, id)
redis.call("ZREM", claims, id)
`

const Done = Schema.BooleanFromBit

/** Adds an element, unless there is one with its id, or was one that a program had named. */
export const offer = Script.make({
  lua: `${names}
local id = ARGV[1]
if redis.call("ZSCORE", ids, id) or redis.call("HEXISTS", items, id) == 1 then return 0 end
redis.call("HSET", items, id, ARGV[2])
if ARGV[3] == "1" then redis.call("ZADD", ids, "+inf", id) end
if ARGV[4] == "" then
  redis.call("RPUSH", ready, id)
else
  redis.call("ZADD", delayed, at(now + math.ceil(tonumber(ARGV[4]))), id)
end
return 1`,
  params: (root: string, id: string, element: string, isNamed: boolean, delayMillis: number | undefined) => ({
    keys: keysOf(root),
    args: [id, element, isNamed ? "1" : "0", delayMillis ?? ""]
  }),
  result: Done
})

/**
 * Takes the next element. Before that, what is due becomes ready, and claims whose lease has ended are taken back: their owners are gone.
 */
export const take = Script.make({
  lua: `${names}${bury}
local most = tonumber(ARGV[3])
for _, id in ipairs(redis.call("ZRANGEBYSCORE", delayed, "-inf", at(now), "LIMIT", 0, 100)) do
  redis.call("ZREM", delayed, id)
  redis.call("RPUSH", ready, id)
end
for _, id in ipairs(redis.call("ZRANGEBYSCORE", claims, "-inf", at(now), "LIMIT", 0, 100)) do
  redis.call("ZREM", claims, id)
  redis.call("HDEL", owners, id)
  if tonumber(redis.call("HGET", attempts, id) or "0") >= most then
    bury(id, "its worker was gone after the last attempt")
  else
    redis.call("LPUSH", ready, id)
  end
end
while true do
  local id = redis.call("LPOP", ready)
  if not id then return false end
  local element = redis.call("HGET", items, id)
  if element then
    redis.call("ZADD", claims, at(now + tonumber(ARGV[2])), id)
    redis.call("HSET", owners, id, ARGV[1])
    return { id, element, redis.call("HINCRBY", attempts, id, 1) }
  end
end`,
  params: (root: string, token: string, leaseMillis: number, maxAttempts: number) => ({
    keys: keysOf(root),
    args: [token, leaseMillis, maxAttempts]
  }),
  result: Schema.NullOr(Schema.Tuple([Schema.String, Schema.String, Schema.Number]))
})

/** Prolongs claims that are still those of the caller. */
export const renew = Script.make({
  lua: `${names}
for i = 2, #ARGV, 2 do
  if redis.call("HGET", owners, ARGV[i]) == ARGV[i + 1] then
    redis.call("ZADD", claims, "XX", at(now + tonumber(ARGV[1])), ARGV[i])
  end
end
return 1`,
  params: (root: string, leaseMillis: number, claims: ReadonlyMap<string, string>) => ({
    keys: keysOf(root),
    args: [leaseMillis, ...Array.from(claims, ([token, id]) => [id, token]).flat()]
  })
})

export const complete = Script.make({
  lua: `${names}${release}
redis.call("HDEL", items, id)
redis.call("HDEL", attempts, id)
redis.call("ZADD", ids, "XX", at(now), id)
return 1`,
  params: (root: string, id: string, token: string) => ({ keys: keysOf(root), args: [id, token] }),
  result: Done
})

/** Gives an element back as if it had not been taken: it is the next one again. */
export const giveBack = Script.make({
  lua: `${names}${release}
if redis.call("HINCRBY", attempts, id, -1) <= 0 then redis.call("HDEL", attempts, id) end
redis.call("LPUSH", ready, id)
return 1`,
  params: (root: string, id: string, token: string) => ({ keys: keysOf(root), args: [id, token] }),
  result: Done
})

export const retry = Script.make({
  lua: `${names}${release}
redis.call("ZADD", delayed, at(now + math.ceil(tonumber(ARGV[3]))), id)
return 1`,
  params: (root: string, id: string, token: string, delayMillis: number) => ({
    keys: keysOf(root),
    args: [id, token, delayMillis]
  }),
  result: Done
})

export const fail = Script.make({
  lua: `${names}${bury}${release}
bury(id, ARGV[3])
return 1`,
  params: (root: string, id: string, token: string, why: string) => ({ keys: keysOf(root), args: [id, token, why] }),
  result: Done
})

/** Forgets the ids that were completed longer ago than that. */
export const forget = Script.make({
  lua: `${names}
return redis.call("ZREMRANGEBYSCORE", ids, "-inf", "(" .. at(now - tonumber(ARGV[1])))`,
  params: (root: string, ageMillis: number) => ({ keys: keysOf(root), args: [ageMillis] })
})

/** The most elements that one step removes. */
export const portion = 500

/** Removes elements that failed longer ago than that, and returns how many. */
export const removeFailed = Script.make({
  lua: `${names}
local old = redis.call("ZRANGEBYSCORE", failed, "-inf", "(" .. at(now - tonumber(ARGV[1])), "LIMIT", 0, ${portion})
for _, id in ipairs(old) do
  redis.call("ZREM", failed, id)
  redis.call("HDEL", failures, id)
  redis.call("HDEL", items, id)
  redis.call("HDEL", attempts, id)
  redis.call("ZREM", ids, id)
end
return #old`,
  params: (root: string, ageMillis: number) => ({ keys: keysOf(root), args: [ageMillis] }),
  result: Schema.Number
})
