import { assert, layer } from "@effect/vitest"
import { BackingPersistence, EffectRedis, KeyValueStore, PersistedQueueStore, RateLimiterStore } from "@redisc/effect"
import { FakeCluster, FakeRedis } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Store from "effect/persistence/KeyValueStore"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Persistence from "effect/persistence/Persistence"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Persisted from "effect/persistence/Redis"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"

const Services = Layer.mergeAll(
  EffectRedis.layer,
  BackingPersistence.layer,
  KeyValueStore.layer(),
  PersistedQueue.layer.pipe(Layer.provide(PersistedQueueStore.layer())),
  RateLimiter.layer.pipe(Layer.provide(RateLimiterStore.layer()))
)

layer(Layer.provideMerge(Services, FakeRedis.layer()), { excludeTestServices: true })("one server", (it) => {
  it.effect("serves Effect's Redis service, also keys of different slots in one script or transaction", () =>
    Effect.scoped(Effect.gen(function*() {
      const redis = yield* Persisted.Redis
      yield* redis.send("MSET", "a", "1", "b", "2", "c", "3")
      assert.deepStrictEqual(yield* redis.send("MGET", "a", "b", "none"), ["1", "2", null])
      const two = Persisted.script((a: string, b: string) => [a, b], {
        numberOfKeys: 2,
        lua: `return { redis.call("GET", KEYS[1]), redis.call("GET", KEYS[2]) }`
      }).withReturnType<ReadonlyArray<string>>()
      assert.deepStrictEqual(yield* redis.eval(two)("a", "b"), ["1", "2"])
      const found: Array<string> = []
      let cursor = "0"
      do {
        const [next, keys] = yield* redis.send<[string, Array<string>]>("SCAN", cursor, "COUNT", "1")
        found.push(...keys)
        cursor = next
      } while (cursor !== "0")
      assert.includeMembers(found, ["a", "b", "c"])
      const { send } = yield* redis.reserve
      yield* send("WATCH", "a")
      yield* send("MULTI")
      yield* send("INCR", "a")
      yield* send("INCR", "b")
      assert.deepStrictEqual(yield* send("EXEC"), [2, 3])
    })))

  it.effect("serves the stores", () =>
    Effect.scoped(Effect.gen(function*() {
      const backing = yield* (yield* Persistence.BackingPersistence).make("one")
      yield* backing.setMany([["a", { n: 1 }, undefined], ["b", { n: 2 }, undefined]])
      assert.deepStrictEqual(yield* backing.getMany(["b", "a"]), [{ n: 2 }, { n: 1 }])
      const store = yield* Store.KeyValueStore
      yield* store.set("a", "x")
      assert.strictEqual(yield* store.size, 1)
      const queue = yield* PersistedQueue.make({ name: "one", schema: Schema.String })
      yield* queue.offer("a")
      assert.strictEqual(yield* queue.take(Effect.succeed), "a")
      const limiter = yield* RateLimiter.RateLimiter
      assert.strictEqual((yield* limiter.consume({ key: "a", limit: 2, window: "1 hour" })).remaining, 1)
    })))
})

layer(Layer.provideMerge(EffectRedis.layer, FakeCluster.layer()), { excludeTestServices: true })(
  "a subscription that is refused",
  (it) => {
    it.effect("fails the dequeue, with redisc's error as the cause", () =>
      Effect.scoped(Effect.gen(function*() {
        const cluster = yield* FakeCluster.FakeCluster
        for (const node of yield* cluster.nodes) {
          yield* cluster.reply(node, "SUBSCRIBE", "NOPERM this user has no permissions to access one of the channels")
        }
        const redis = yield* Persisted.Redis
        const error = yield* Effect.flip(Queue.take(yield* redis.subscribe("secret")))
        assert.strictEqual(error._tag, "RedisError")
        assert.include(String(error.cause), "NOPERM")
      })))
  }
)
