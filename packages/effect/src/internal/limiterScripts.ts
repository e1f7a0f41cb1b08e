/**
 * The decisions of a rate limiter, each in one script on one key, by the server's clock.
 */
import * as Script from "@redisc/core/Script"
import * as Schema from "effect/Schema"

/** Counts may have fractions, which a reply in Lua's numbers would lose: they come as text with all digits. */
const Counts = Schema.Tuple([Schema.FiniteFromString, Schema.FiniteFromString])

/** Adds to the count of a window, which ends later the more was taken from it. At the limit nothing is added. */
export const fixedWindow = Script.make({
  lua: `
local wanted, refill, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local known = redis.call("GET", KEYS[1])
local left = math.max(redis.call("PTTL", KEYS[1]), 0)
-- When a window ends, its key may still be there for a moment.
local count = wanted + (left > 0 and tonumber(known) or 0)
if not limit or count <= limit then
  left = math.max(math.ceil(left + refill * wanted), 1)
  redis.call("SET", KEYS[1], string.format("%.17g", count), "PX", string.format("%.0f", left))
end
return { string.format("%.17g", count), string.format("%.17g", left) }`,
  params: (key: string, tokens: number, refillMillis: number, limit: number | undefined) => ({
    keys: [key],
    args: [tokens, refillMillis, limit ?? ""]
  }),
  result: Counts
})

/**
 * Takes from a bucket: a hash of its tokens, and since when the present interval of refilling runs. The bucket is forgotten when it
 * would be full again.
 */
export const tokenBucket = Script.make({
  lua: `
local wanted, refill, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call("TIME")
local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
local bucket = redis.call("HMGET", KEYS[1], "tokens", "since")
local tokens = tonumber(bucket[1] or ARGV[3])
local since = tonumber(bucket[2] or "") or now
local refills = math.floor((now - since) / refill)
if refills > 0 then
  tokens = math.min(tokens + refills, limit)
  since = since + refills * refill
end
if tokens >= limit then since = now end
local left = tokens - wanted
if left >= 0 or ARGV[4] == "1" then tokens = left end
local elapsed = math.max(now - since, 0)
local full = math.max(math.ceil(math.ceil(limit - tokens) * refill - elapsed), 1)
redis.call("HSET", KEYS[1], "tokens", string.format("%.17g", tokens), "since", string.format("%.17g", since))
redis.call("PEXPIRE", KEYS[1], string.format("%.0f", full))
return { string.format("%.17g", left), string.format("%.17g", elapsed) }`,
  params: (key: string, tokens: number, refillMillis: number, limit: number, allowOverflow: boolean) => ({
    keys: [key],
    args: [tokens, refillMillis, limit, allowOverflow ? "1" : "0"]
  }),
  result: Counts
})
