/** What programs do with scripts: rate limiters, queues, locks. */
export const persistence: ReadonlyArray<string | ReadonlyArray<string>> = [
  [
    "EVAL",
    "local capacity = tonumber(ARGV[1])\nlocal rate = tonumber(ARGV[2])\nlocal now = tonumber(ARGV[3])\nlocal cost = tonumber(ARGV[4])\nlocal state = redis.call('HMGET', KEYS[1], 'tokens', 'at')\nlocal tokens = tonumber(state[1]) or capacity\nlocal at = tonumber(state[2]) or now\ntokens = math.min(capacity, tokens + math.max(0, now - at) * rate / 1000)\nlocal allowed = tokens >= cost\nif allowed then tokens = tokens - cost end\nredis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)\nredis.call('PEXPIRE', KEYS[1], math.ceil(capacity / rate * 1000))\nlocal wait = 0\nif not allowed then wait = math.ceil((cost - tokens) / rate * 1000) end\nreturn {allowed and 1 or 0, tostring(tokens), wait}",
    "1",
    "bucket",
    "10",
    "3",
    "1700000000000",
    "4"
  ],
  [
    "EVAL",
    "local capacity = tonumber(ARGV[1])\nlocal rate = tonumber(ARGV[2])\nlocal now = tonumber(ARGV[3])\nlocal cost = tonumber(ARGV[4])\nlocal state = redis.call('HMGET', KEYS[1], 'tokens', 'at')\nlocal tokens = tonumber(state[1]) or capacity\nlocal at = tonumber(state[2]) or now\ntokens = math.min(capacity, tokens + math.max(0, now - at) * rate / 1000)\nlocal allowed = tokens >= cost\nif allowed then tokens = tokens - cost end\nredis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)\nredis.call('PEXPIRE', KEYS[1], math.ceil(capacity / rate * 1000))\nlocal wait = 0\nif not allowed then wait = math.ceil((cost - tokens) / rate * 1000) end\nreturn {allowed and 1 or 0, tostring(tokens), wait}",
    "1",
    "bucket",
    "10",
    "3",
    "1700000000100",
    "4"
  ],
  [
    "EVAL",
    "local capacity = tonumber(ARGV[1])\nlocal rate = tonumber(ARGV[2])\nlocal now = tonumber(ARGV[3])\nlocal cost = tonumber(ARGV[4])\nlocal state = redis.call('HMGET', KEYS[1], 'tokens', 'at')\nlocal tokens = tonumber(state[1]) or capacity\nlocal at = tonumber(state[2]) or now\ntokens = math.min(capacity, tokens + math.max(0, now - at) * rate / 1000)\nlocal allowed = tokens >= cost\nif allowed then tokens = tokens - cost end\nredis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)\nredis.call('PEXPIRE', KEYS[1], math.ceil(capacity / rate * 1000))\nlocal wait = 0\nif not allowed then wait = math.ceil((cost - tokens) / rate * 1000) end\nreturn {allowed and 1 or 0, tostring(tokens), wait}",
    "1",
    "bucket",
    "10",
    "3",
    "1700000000200",
    "4"
  ],
  [
    "EVAL",
    "local capacity = tonumber(ARGV[1])\nlocal rate = tonumber(ARGV[2])\nlocal now = tonumber(ARGV[3])\nlocal cost = tonumber(ARGV[4])\nlocal state = redis.call('HMGET', KEYS[1], 'tokens', 'at')\nlocal tokens = tonumber(state[1]) or capacity\nlocal at = tonumber(state[2]) or now\ntokens = math.min(capacity, tokens + math.max(0, now - at) * rate / 1000)\nlocal allowed = tokens >= cost\nif allowed then tokens = tokens - cost end\nredis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)\nredis.call('PEXPIRE', KEYS[1], math.ceil(capacity / rate * 1000))\nlocal wait = 0\nif not allowed then wait = math.ceil((cost - tokens) / rate * 1000) end\nreturn {allowed and 1 or 0, tostring(tokens), wait}",
    "1",
    "bucket",
    "10",
    "3",
    "1700000001333",
    "4"
  ],
  ["HGETALL", "bucket"],
  [
    "EVAL",
    "local out = {}\nfor i = 1, #ARGV, 3 do\n  local id = ARGV[i]\n  if redis.call('HSETNX', KEYS[1], id, ARGV[i + 2]) == 1 then\n    redis.call('ZADD', KEYS[2], ARGV[i + 1], id)\n    out[#out + 1] = id\n  end\nend\nreturn out",
    "2",
    "{q}items",
    "{q}order",
    "a",
    "3",
    "A",
    "b",
    "1",
    "B",
    "a",
    "2",
    "A2",
    "c",
    "2.5",
    "C"
  ],
  [
    "EVAL",
    "local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, 2)\nlocal out = {}\nfor _, id in ipairs(due) do\n  out[#out + 1] = {id, redis.call('HGET', KEYS[1], id)}\n  redis.call('ZREM', KEYS[2], id)\n  redis.call('HDEL', KEYS[1], id)\nend\nreturn out",
    "2",
    "{q}items",
    "{q}order",
    "2.5"
  ],
  ["ZRANGE", "{q}order", "0", "-1", "WITHSCORES"],
  ["HGETALL", "{q}items"],
  [
    "EVAL",
    "if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end if redis.call('GET', KEYS[1]) == ARGV[1] then return 2 end return 0",
    "1",
    "lock",
    "me",
    "30000"
  ],
  [
    "EVAL",
    "if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end if redis.call('GET', KEYS[1]) == ARGV[1] then return 2 end return 0",
    "1",
    "lock",
    "you",
    "30000"
  ],
  [
    "EVAL",
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0",
    "1",
    "lock",
    "me"
  ],
  [
    "EVAL",
    "local window = {} for i = 1, 5 do redis.call('ZADD', KEYS[1], ARGV[1] + i, 'r' .. i) end redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1] + 2) return {redis.call('ZCARD', KEYS[1]), redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')}",
    "1",
    "window",
    "1700000000000"
  ],
  [
    "EVAL",
    "local t = cjson.decode(ARGV[1]) t.seen = (t.seen or 0) + 1 redis.call('SET', KEYS[1], cjson.encode(t), 'EX', 100) return redis.call('GET', KEYS[1])",
    "1",
    "doc",
    "{\"id\":7}"
  ],
  [
    "EVAL",
    "redis.call('SET', KEYS[1], cmsgpack.pack({1, 'two', {three = 3}})) return cmsgpack.unpack(redis.call('GET', KEYS[1]))[3].three",
    "1",
    "packed"
  ],
  [
    "EVAL",
    "local sum = 0 for _, v in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do sum = sum + v end return sum",
    "1",
    "nolist"
  ],
  ["EVAL", "return {KEYS[1], ARGV[1], #ARGV[1]}", "1", "k\u0000\u00ff", "\u0000\u0001\u00ff\u00fe"],
  ["EVAL", "return redis.call('INCRBY', KEYS[1], 10 / 2)", "1", "counter"],
  "return 'key:' .. (10 / 2) .. ':' .. 1e3 .. ':' .. 2^31",
  "local n = tonumber(redis.call('get', '{b}n') or '5') if n < 1 then return {0, n} end redis.call('set', '{b}n', n - 1, 'PX', 60000) return {1, n - 1}",
  "local n = tonumber(redis.call('get', '{b}n') or '5') if n < 1 then return {0, n} end redis.call('set', '{b}n', n - 1, 'PX', 60000) return {1, n - 1}",
  "local n = tonumber(redis.call('get', '{b}n') or '5') if n < 1 then return {0, n} end redis.call('set', '{b}n', n - 1, 'PX', 60000) return {1, n - 1}",
  "local n = tonumber(redis.call('get', '{b}n') or '5') if n < 1 then return {0, n} end redis.call('set', '{b}n', n - 1, 'PX', 60000) return {1, n - 1}",
  "local n = tonumber(redis.call('get', '{b}n') or '5') if n < 1 then return {0, n} end redis.call('set', '{b}n', n - 1, 'PX', 60000) return {1, n - 1}",
  "local n = tonumber(redis.call('get', '{b}n') or '5') if n < 1 then return {0, n} end redis.call('set', '{b}n', n - 1, 'PX', 60000) return {1, n - 1}",
  "local n = tonumber(redis.call('get', '{b}n') or '5') if n < 1 then return {0, n} end redis.call('set', '{b}n', n - 1, 'PX', 60000) return {1, n - 1}"
]
