import { assert } from "@effect/vitest"
import * as Client from "@redisc/core/Client"
import * as Redis from "@redisc/core/Redis"
import { isRedisError } from "@redisc/core/RedisError"
import * as Slot from "@redisc/core/Slot"
import * as SlotMap from "@redisc/core/SlotMap"
import { EffectRedis } from "@redisc/effect"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Persisted from "effect/persistence/Redis"
import * as Queue from "effect/Queue"
import { onClusters } from "./support/clusters.ts"

const causeOf = (error: Persisted.RedisError) =>
  isRedisError(error.cause) ? error.cause : assert.fail(`${error.cause} is no error of redisc`)

/** Keys that three different primaries serve. */
const keysElsewhere = Effect.gen(function*() {
  const { topology } = yield* Client.Client
  const map = yield* topology.current
  const found = new Map<string, string>()
  for (let i = 0; found.size < 3; i++) {
    const address = SlotMap.shardOf(map, Slot.fromKey(`at:${i}`))?.primary?.address.key ?? ""
    if (!found.has(address)) found.set(address, `at:${i}`)
  }
  return [...found.values()]
})

const increment = Persisted.script((key: string, by: number) => [key, by], {
  numberOfKeys: 1,
  lua: `return redis.call("INCRBY", KEYS[1], ARGV[1])`
}).withReturnType<number>()

/** Builds its key from its first argument, as effect-mq does. */
const undeclared = Persisted.script((prefix: string, value: string) => [prefix, value], {
  numberOfKeys: 0,
  lua: `
redis.call("SET", ARGV[1] .. ":value", ARGV[2])
return redis.call("GET", ARGV[1] .. ":value")`
}).withReturnType<string>()

onClusters("Effect's Redis service", EffectRedis.layer, (it) => {
  it.effect("sends commands whatever the case of their names, and answers text, numbers, null and arrays", () =>
    Effect.gen(function*() {
      const redis = yield* Persisted.Redis
      assert.strictEqual(yield* redis.send("sEt", "send:a", "1"), "OK")
      assert.strictEqual(yield* redis.send("get", "send:a"), "1")
      assert.strictEqual(yield* redis.send("INCR", "send:a"), 2)
      assert.isNull(yield* redis.send("GET", "send:none"))
      yield* redis.send("HSET", "send:h", "a", "1", "b", "2")
      assert.deepStrictEqual(yield* redis.send("HGETALL", "send:h"), ["a", "1", "b", "2"])
    }))

  it.effect("splits commands with keys of several slots, and asks every node about all keys", () =>
    Effect.gen(function*() {
      const redis = yield* Persisted.Redis
      const keys = Array.from({ length: 20 }, (_, index) => `split:${index}`)
      yield* Effect.forEach(keys, (key) => redis.send("SET", key, key), { discard: true })
      assert.deepStrictEqual(yield* redis.send("mget", ...keys, "split:none"), [...keys, null])
      assert.sameMembers(yield* redis.send<Array<string>>("KEYS", "split:*"), keys)
      assert.strictEqual(yield* redis.send("DEL", ...keys), 20)
      assert.deepStrictEqual(yield* redis.send("KEYS", "split:*"), [])
    }))

  it.effect("scans the whole cluster behind one cursor", () =>
    Effect.gen(function*() {
      const redis = yield* Persisted.Redis
      const keys = Array.from({ length: 60 }, (_, index) => `scan:${index}`)
      yield* Effect.forEach(keys, (key) => redis.send("SET", key, "x"), { concurrency: 10, discard: true })
      const found = new Set<string>()
      let cursor = "0"
      let pages = 0
      do {
        const [next, some] = yield* redis.send<[string, Array<string>]>("scan", cursor, "match", "scan:*", "COUNT", "5")
        for (const key of some) found.add(key)
        cursor = next
        pages++
      } while (cursor !== "0")
      assert.sameMembers([...found], keys)
      assert.isAbove(pages, 2)
    }))

  it.effect("refuses a cursor that is none, options that SCAN has not, and unknown commands, before anything is sent", () =>
    Effect.gen(function*() {
      const redis = yield* Persisted.Redis
      const refused = (name: string, ...args: ReadonlyArray<string>) =>
        Effect.map(Effect.flip(redis.send(name, ...args)), (error) => causeOf(error).reason._tag)
      assert.strictEqual(yield* refused("SCAN", "12"), "InvalidArgument")
      assert.strictEqual(yield* refused("SCAN", "0", "MATCH"), "InvalidArgument")
      assert.strictEqual(yield* refused("SCAN", "0", "LIMIT", "1"), "InvalidArgument")
      assert.strictEqual(yield* refused("NO.SUCH", "a"), "InvalidArgument")
      assert.strictEqual(yield* refused("MULTI"), "InvalidArgument")
      assert.strictEqual(yield* refused("SUBSCRIBE", "a"), "InvalidArgument")
    }))

  it.effect("has redisc's error as the cause of a failure, with the text of the server", () =>
    Effect.gen(function*() {
      const redis = yield* Persisted.Redis
      yield* redis.send("SET", "wrong", "x")
      const error = yield* Effect.flip(redis.send("LPUSH", "wrong", "y"))
      assert.strictEqual(error._tag, "RedisError")
      assert.strictEqual(causeOf(error).delivery, "Rejected")
      assert.include(String(error.cause), "WRONGTYPE")
    }))

  it.effect("runs scripts on whatever node has the key, also after their caches were emptied", () =>
    Effect.gen(function*() {
      const redis = yield* Persisted.Redis
      const keys = yield* keysElsewhere
      const run = redis.eval(increment)
      yield* Effect.forEach(keys, (key) => run(key, 1), { discard: true })
      yield* redis.send("SCRIPT", "FLUSH")
      assert.deepStrictEqual(yield* Effect.forEach(keys, (key) => run(key, 2)), [3, 3, 3])
    }))

  it.effect("sends a script without keys to the slot of its first argument's hash tag", () =>
    Effect.gen(function*() {
      const redis = yield* Persisted.Redis
      const run = redis.eval(undeclared)
      for (let i = 0; i < 9; i++) assert.strictEqual(yield* run(`{tag:${i}}:x`, `${i}`), `${i}`)
      yield* redis.send("SCRIPT", "FLUSH")
      assert.strictEqual(yield* run("{tag:1}:x", "again"), "again")
      assert.strictEqual(yield* redis.send("EVAL", undeclared.lua, "0", "{tag:2}:x", "by send"), "by send")
      assert.strictEqual(yield* Redis.get("{tag:2}:x:value"), "by send")
    }))

  it.effect("refuses a script whose keys are in several slots, naming them", () =>
    Effect.gen(function*() {
      const redis = yield* Persisted.Redis
      const [a, b] = yield* keysElsewhere
      const two = Persisted.script((a: string, b: string) => [a, b], { numberOfKeys: 2, lua: "return 1" })
      const error = yield* Effect.flip(redis.eval(two)(a, b))
      assert.strictEqual(causeOf(error).reason._tag, "CrossSlot")
      assert.include(String(error.cause), a)
      const none = Persisted.script(() => ["a"], { numberOfKeys: 2, lua: "return 1" })
      assert.strictEqual(causeOf(yield* Effect.flip(redis.eval(none)())).reason._tag, "InvalidArgument")
    }))

  it.effect("receives what is published after it has subscribed, and ends the dequeue with its scope", () =>
    Effect.gen(function*() {
      const redis = yield* Persisted.Redis
      const queue = yield* Effect.scoped(Effect.gen(function*() {
        const messages = yield* redis.subscribe("news")
        yield* redis.send("PUBLISH", "news", "it rains")
        yield* redis.send("PUBLISH", "news", "it snows")
        assert.deepStrictEqual(yield* Queue.takeN(messages, 2), [
          { channel: "news", message: "it rains" },
          { channel: "news", message: "it snows" }
        ])
        return messages
      }))
      assert.strictEqual((yield* Effect.exit(Queue.take(queue)))._tag, "Failure")
    }))
})

onClusters("a reserved connection", EffectRedis.layer, (it) => {
  it.effect("blocks without holding up others", () =>
    Effect.scoped(Effect.gen(function*() {
      const redis = yield* Persisted.Redis
      const connection = yield* redis.reserve
      const blocked = yield* Effect.forkChild(connection.send("BLPOP", "jobs", "10"), { startImmediately: true })
      yield* redis.send("RPUSH", "jobs", "one")
      assert.deepStrictEqual(yield* Fiber.join(blocked), ["jobs", "one"])
    })))

  it.effect("is one socket for each node that it touched, given back with the scope", () =>
    Effect.gen(function*() {
      const redis = yield* Persisted.Redis
      const keys = yield* keysElsewhere
      const ids = yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* redis.reserve
        const found: Array<unknown> = []
        for (const key of [...keys, ...keys]) {
          yield* connection.send("SET", key, "x")
          // Without a key, it goes where the last command with a key went.
          found.push(`${key} ${yield* connection.send("CLIENT", "ID")}`)
        }
        return found
      }))
      assert.deepStrictEqual(ids.slice(0, 3), ids.slice(3))
      const again = yield* Effect.scoped(Effect.gen(function*() {
        const connection = yield* redis.reserve
        yield* connection.send("GET", keys[0])
        return `${keys[0]} ${yield* connection.send("CLIENT", "ID")}`
      }))
      assert.strictEqual(again, ids[0])
    }))

  it.effect("runs scripts, by digest and by text", () =>
    Effect.scoped(Effect.gen(function*() {
      const redis = yield* Persisted.Redis
      const connection = yield* redis.reserve
      yield* redis.send("SCRIPT", "FLUSH")
      assert.strictEqual(yield* connection.eval(increment)("reserved:n", 5), 5)
      assert.strictEqual(yield* connection.eval(increment)("reserved:n", 5), 10)
      assert.strictEqual(yield* connection.eval(undeclared)("{reserved}", "x"), "x")
    })))

  it.effect("executes a transaction that began with MULTI, unless a watched key was changed", () =>
    Effect.scoped(Effect.gen(function*() {
      const redis = yield* Persisted.Redis
      const { send } = yield* redis.reserve
      yield* redis.send("SET", "{t}:a", "1")
      assert.strictEqual(yield* send("WATCH", "{t}:a"), "OK")
      assert.strictEqual(yield* send("GET", "{t}:a"), "1")
      assert.strictEqual(yield* send("MULTI"), "OK")
      assert.strictEqual(yield* send("INCR", "{t}:a"), "QUEUED")
      assert.strictEqual(yield* send("LPUSH", "{t}:a", "x"), "QUEUED")
      assert.strictEqual(yield* send("GET", "{t}:a"), "QUEUED")
      const [two, error, text] = yield* send<[number, unknown, string]>("EXEC")
      assert.deepStrictEqual([two, text], [2, "2"])
      assert.include(String((error as Persisted.RedisError).cause), "WRONGTYPE")

      yield* send("WATCH", "{t}:a")
      yield* redis.send("SET", "{t}:a", "changed")
      yield* send("MULTI")
      yield* send("SET", "{t}:a", "lost")
      assert.isNull(yield* send("EXEC"))
      assert.strictEqual(yield* send("GET", "{t}:a"), "changed")

      yield* send("MULTI")
      yield* send("SET", "{t}:a", "never")
      assert.strictEqual(yield* send("DISCARD"), "OK")
      assert.strictEqual(yield* send("GET", "{t}:a"), "changed")
    })))

  it.effect("refuses a key of another node after WATCH or MULTI, and takes it once that is over", () =>
    Effect.scoped(Effect.gen(function*() {
      const redis = yield* Persisted.Redis
      const { send } = yield* redis.reserve
      const [here, there] = yield* keysElsewhere
      yield* send("WATCH", here)
      const watching = causeOf(yield* Effect.flip(send("GET", there)))
      assert.strictEqual(watching.reason._tag, "InvalidArgument")
      assert.include(watching.message, "WATCH")
      yield* send("UNWATCH")
      yield* send("GET", there)
      yield* send("MULTI")
      yield* send("GET", here)
      assert.include(causeOf(yield* Effect.flip(send("GET", there))).message, "MULTI")
      assert.strictEqual((yield* send<ReadonlyArray<unknown>>("EXEC")).length, 1)
      yield* send("GET", there)
      assert.include(causeOf(yield* Effect.flip(send("EXEC"))).message, "MULTI first")
    })))
})
