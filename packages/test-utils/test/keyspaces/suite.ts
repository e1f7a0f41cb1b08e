/** Declared keys on a cluster, in memory or real: what is stored, what comes back, and how long it lives. */
import { assert, layer } from "@effect/vitest"
import { Cached, Keyspace, Redis } from "@redisc/core"
import type { Client, RedisCluster, RedisError } from "@redisc/core"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

const secret = "s3cret"

/** Keys of a test of its own, as all tests share a cluster. */
const own = (test: string) => Keyspace.name(`test:${test}`).name("user:{<id>}", { id: Schema.Int })

const Profile = Schema.Struct({ name: Schema.String, age: Schema.Number })

const id = { id: 7 }

const livesAbout = Effect.fnUntraced(function*(
  space: {
    readonly pttl: (params: { readonly id: number }) => Effect.Effect<number, RedisError.RedisError, Redis.Redis>
  },
  millis: number
) {
  const left = yield* space.pttl(id)
  assert.isTrue(left > millis - 60_000 && left <= millis, `${left}`)
})

const hour = 3_600_000

export const suite = (
  where: string,
  Cluster: Layer.Layer<Redis.Redis | Client.Client | RedisCluster.RedisCluster, unknown>
): void =>
  layer(Cluster, { excludeTestServices: true, timeout: 60_000 })(`declared keys, ${where}`, (it) => {
    it.effect("hold a value each, which a Schema encodes and decodes", () =>
      Effect.gen(function*() {
        const space = Keyspace.string(own("string").name("profile"), {
          value: Schema.fromJsonString(Profile),
          ex: "1 hour"
        })
        assert.strictEqual(yield* space.get(id), null)
        assert.strictEqual(yield* space.set(id, { name: "ada", age: 36 }), "OK")
        assert.strictEqual(yield* Redis.get("test:string:user:{7}:profile"), `{"name":"ada","age":36}`)
        yield* livesAbout(space, hour)
        assert.deepStrictEqual(yield* space.get(id), { name: "ada", age: 36 })
        assert.strictEqual(yield* space.set(id, { name: "eve", age: 1 }, { nx: true }), null)
        assert.deepStrictEqual(yield* space.mget([{ id: 8 }, id, { id: 9 }]), [null, { name: "ada", age: 36 }, null])
        yield* Redis.persist("test:string:user:{7}:profile")
        assert.deepStrictEqual(yield* space.getex(id), { name: "ada", age: 36 })
        yield* livesAbout(space, hour)
        assert.deepStrictEqual(yield* space.getdel(id), { name: "ada", age: 36 })
        assert.deepStrictEqual([yield* space.exists(id), yield* space.del(id), yield* space.expire(id)], [
          false,
          false,
          false
        ])
      }))

    it.effect("hold a number each, which can be added to", () =>
      Effect.gen(function*() {
        const space = Keyspace.string(own("number"), { value: Schema.FiniteFromString, ex: "1 hour" })
        assert.strictEqual(yield* space.incrby(id, 5), 5)
        yield* livesAbout(space, hour)
        assert.strictEqual(yield* space.incrby(id, -7), -2)
        assert.strictEqual(yield* space.get(id), -2)
      }))

    it.effect("hold a hash each of known fields", () =>
      Effect.gen(function*() {
        const space = Keyspace.hash(own("hash"), {
          fields: { name: Schema.String, visits: Schema.FiniteFromString, mail: Schema.optionalKey(Schema.String) },
          ex: "1 hour"
        })
        assert.strictEqual(yield* space.hgetall(id), null)
        assert.strictEqual(yield* space.hset(id, { name: "ada", visits: 1 }), 2)
        yield* livesAbout(space, hour)
        assert.deepStrictEqual(yield* space.hgetall(id), { name: "ada", visits: 1 })
        assert.strictEqual(yield* space.hincrby(id, "visits", 2), 3)
        assert.deepStrictEqual([yield* space.hget(id, "visits"), yield* space.hget(id, "mail")], [3, null])
        assert.deepStrictEqual({ ...yield* space.hmget(id, ["mail", "visits"]) }, { mail: null, visits: 3 })
        assert.deepStrictEqual([yield* space.hsetnx(id, "mail", "a@b"), yield* space.hsetnx(id, "mail", "c@d")], [
          true,
          false
        ])
        yield* Redis.hset("test:hash:user:{7}", { other: "x" })
        assert.deepStrictEqual(yield* space.hgetall(id), { name: "ada", visits: 3, mail: "a@b" })
        assert.deepStrictEqual([yield* space.hexists(id, "mail"), yield* space.hdel(id, ["mail"])], [true, 1])
        assert.isTrue(yield* space.del(id))
      }))

    it.effect("hold a hash each of any fields", () =>
      Effect.gen(function*() {
        const space = Keyspace.record(own("record"), { value: Schema.FiniteFromString })
        assert.strictEqual(yield* space.hgetall(id), null)
        assert.strictEqual(yield* space.hset(id, { ["__proto__"]: 1, "a:b": 2 }), 2)
        assert.strictEqual(yield* space.pttl(id), -1)
        const all = yield* space.hgetall(id)
        assert.deepStrictEqual(Object.entries(all ?? {}).sort(), [["__proto__", 1], ["a:b", 2]])
        assert.strictEqual(yield* space.hincrby(id, "a:b", 1), 3)
        yield* Redis.hset("test:record:user:{7}", { [secret]: secret })
        const error = yield* Effect.flip(space.hgetall(id))
        assert.strictEqual(error.reason._tag, "DecodeFailed")
        assert.include(error.message, "at [*], expected a finite number, received NaN")
        assert.notInclude(error.message, secret)
      }))

    it.effect("hold a list each", () =>
      Effect.gen(function*() {
        const space = Keyspace.list(own("list"), { element: Schema.fromJsonString(Profile), ex: "1 hour" })
        const [ada, eve] = [{ name: "ada", age: 36 }, { name: "eve", age: 1 }]
        assert.strictEqual(yield* space.rpush(id, [ada, eve]), 2)
        yield* livesAbout(space, hour)
        assert.strictEqual(yield* space.lpush(id, [eve]), 3)
        assert.deepStrictEqual(yield* space.lrange(id, 0, -1), [eve, ada, eve])
        assert.strictEqual(yield* space.lrem(id, 1, eve), 1)
        assert.deepStrictEqual([yield* space.lpop(id), yield* space.llen(id)], [ada, 1])
        assert.strictEqual(yield* space.ltrim(id, 0, 0), "OK")
        assert.deepStrictEqual([yield* space.rpop(id), yield* space.rpop(id)], [eve, null])
      }))

    it.effect("hold a set each", () =>
      Effect.gen(function*() {
        const space = Keyspace.set(own("set"), { member: Schema.FiniteFromString, ex: "1 hour" })
        assert.strictEqual(yield* space.sadd(id, [1, 2, 2]), 2)
        yield* livesAbout(space, hour)
        assert.deepStrictEqual([...yield* space.smembers(id)].sort(), [1, 2])
        assert.deepStrictEqual([yield* space.sismember(id, 1), yield* space.sismember(id, 3)], [true, false])
        assert.deepStrictEqual([yield* space.srem(id, [1]), yield* space.scard(id)], [1, 1])
        assert.deepStrictEqual([yield* space.spop(id), yield* space.spop(id)], [2, null])
      }))

    it.effect("hold a sorted set each", () =>
      Effect.gen(function*() {
        const space = Keyspace.sortedSet(own("zset"), { member: Schema.FiniteFromString, ex: "1 hour" })
        assert.strictEqual(yield* space.zadd(id, [{ member: 1, score: 1.5 }, { member: 2, score: 3 }]), 2)
        yield* livesAbout(space, hour)
        assert.strictEqual(yield* space.zadd(id, [{ member: 1, score: 1 }], { gt: true }), 0)
        assert.strictEqual(yield* space.zincrby(id, 2.25, 1), 3.75)
        assert.deepStrictEqual(yield* space.zrange(id, 0, -1), [{ member: 2, score: 3 }, { member: 1, score: 3.75 }])
        assert.deepStrictEqual(yield* space.zrange(id, "(3", Infinity, { byscore: true }), [{ member: 1, score: 3.75 }])
        assert.deepStrictEqual([yield* space.zscore(id, 1), yield* space.zscore(id, 9)], [3.75, null])
        assert.deepStrictEqual([yield* space.zrank(id, 1), yield* space.zrevrank(id, 1), yield* space.zrank(id, 9)], [
          1,
          0,
          null
        ])
        assert.deepStrictEqual([yield* space.zcount(id, 0, 3), yield* space.zcard(id)], [1, 2])
        assert.deepStrictEqual(yield* space.zpopmin(id), { member: 2, score: 3 })
        assert.strictEqual(yield* space.zrem(id, [1, 9]), 1)
        assert.strictEqual(yield* space.zpopmin(id), null)
      }))

    it.effect("hold a stream each", () =>
      Effect.gen(function*() {
        const space = Keyspace.stream(own("stream"), {
          fields: { celsius: Schema.FiniteFromString, note: Schema.optionalKey(Schema.String) },
          ex: "1 hour"
        })
        const first = yield* space.xadd(id, { celsius: 21.5 })
        yield* livesAbout(space, hour)
        const second = yield* space.xadd(id, { celsius: 22, note: "noon" }, { trim: { maxlen: 10 } })
        assert.deepStrictEqual(yield* space.xrange(id, "-", "+"), [
          { id: first, value: { celsius: 21.5 } },
          { id: second, value: { celsius: 22, note: "noon" } }
        ])
        assert.deepStrictEqual(yield* space.xrevrange(id, "+", "-", { count: 1 }), [
          { id: second, value: { celsius: 22, note: "noon" } }
        ])
        assert.deepStrictEqual([yield* space.xdel(id, [first]), yield* space.xlen(id)], [1, 1])
        assert.strictEqual(yield* space.xtrim(id, { maxlen: 0 }), 1)
      }))

    it.effect("keep their time to live if a write is refused, and their value if they hold something else", () =>
      Effect.gen(function*() {
        const space = Keyspace.set(own("wrong"), { member: Schema.String, ex: "1 hour" })
        yield* Redis.set("test:wrong:user:{7}", "text")
        const error = yield* Effect.flip(space.sadd(id, [secret]))
        assert.strictEqual(error.reason._tag, "ServerError")
        assert.include(error.message, "WRONGTYPE")
        assert.notInclude(error.message, secret)
        assert.strictEqual(yield* space.pttl(id), -1)
      }))

    it.effect("take as many members at once as a script can, where they expire", () =>
      Effect.gen(function*() {
        const space = Keyspace.set(own("many"), { member: Schema.FiniteFromString, ex: "1 hour" })
        assert.strictEqual(yield* space.sadd(id, Array.from({ length: 6_999 }, (_, index) => index)), 6_999)
        yield* livesAbout(space, hour)
        assert.isTrue(yield* space.del(id))
      }))

    it.effect("go into pipelines and transactions, also where they expire", () =>
      Effect.gen(function*() {
        const user = own("together")
        const cart = Keyspace.record(user.name("cart"), { value: Schema.FiniteFromString, ex: "1 hour" })
        const orders = Keyspace.list(user.name("orders"), { element: Schema.String, ex: "1 hour" })
        const other = Keyspace.string(Keyspace.name("test:together:<day>"), { value: Schema.String })
        const replies = yield* Keyspace.transaction([
          cart.hset(id, { apple: 2 }),
          orders.lpush(id, ["one"]),
          user.command(id, (key) => Redis.type(`${key}:cart`))
        ])
        assert.deepStrictEqual(replies, [1, 1, "hash"])
        yield* livesAbout(cart, hour)
        const results = yield* Keyspace.transaction([cart.hgetall(id), orders.llen(id)], { mode: "result" })
        assert.deepStrictEqual([Result.isSuccess(results[0]), Result.isSuccess(results[1])], [true, true])
        assert.deepStrictEqual(
          yield* Redis.pipeline([cart.hincrby(id, "apple", 1), other.set({ day: "1" }, "x"), orders.lrange(id, 0, -1)]),
          [3, "OK", ["one"]]
        )
        const error = yield* Effect.flip(Keyspace.transaction([cart.del(id), orders.del({ id: 8 })]))
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["CrossSlot", "NotSent"])
        assert.isTrue(yield* cart.exists(id))
      }))

    it.effect("are answered by the client's cache, and seen anew after an own write", () =>
      Effect.gen(function*() {
        const space = Keyspace.record(own("cached"), { value: Schema.FiniteFromString, ex: "1 hour" })
        const cached = space.hgetall(id).pipe(Cached.for("1 minute"))
        yield* space.hset(id, { a: 1 })
        const seen = [yield* cached, yield* cached, yield* cached]
        assert.deepStrictEqual(seen.map((each) => each?.["a"]), [1, 1, 1])
        yield* space.hset(id, { a: 2 })
        assert.deepStrictEqual({ ...yield* cached }, { a: 2 })
        assert.isAtLeast((yield* Cached.stats)?.hits ?? 0, 2)
      }))

    it.effect("are found by scans: those of the name, and no others that the pattern matches", () =>
      Effect.gen(function*() {
        const shop = Keyspace.name("test:scanned")
        const user = shop.name("user:{<id>}", { id: Schema.Int })
        const items = Keyspace.string(user.name("item:<item>"), { value: Schema.String })
        yield* Effect.forEach([1, 2, 3], (each) => items.set({ id: each, item: `*:${each}` }, "x"), { discard: true })
        yield* items.set({ id: 2, item: "other" }, "x")
        for (const stranger of ["x}:item:1", "1}:item:a:b", "01}:item:a", "1}:item:", "a}:item:1"]) {
          yield* Redis.set(`test:scanned:user:{${stranger}`, "x")
        }
        const found = (some?: { readonly id?: number; readonly item?: string }) =>
          Effect.map(Stream.runCollect(Keyspace.scan(items.name, some)), (all) =>
            all.map(({ id, item }) => `${id} ${item}`).sort())
        assert.deepStrictEqual(yield* found(), ["1 *:1", "2 *:2", "2 other", "3 *:3"])
        assert.deepStrictEqual(yield* found({ id: 2 }), ["2 *:2", "2 other"])
        assert.deepStrictEqual(yield* found({ item: "*:3" }), ["3 *:3"])
        assert.deepStrictEqual(yield* found({ id: 9 }), [])
        const error = yield* Effect.flip(Stream.runDrain(Keyspace.scan(items.name, { id: 1.5 })))
        assert.strictEqual(error.reason._tag, "InvalidArgument")
      }))

    it.effect("say what does not decode, and show no value", () =>
      Effect.gen(function*() {
        const space = Keyspace.string(own("bad"), { value: Schema.fromJsonString(Profile) })
        yield* Redis.set("test:bad:user:{7}", JSON.stringify({ name: "ada", age: secret }))
        const error = yield* Effect.flip(space.get(id))
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["DecodeFailed", "Executed"])
        assert.include(error.message, `at ["age"], expected number, received string`)
        assert.notInclude(JSON.stringify(error) + error.message, secret)
      }))
  })
