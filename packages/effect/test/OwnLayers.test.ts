/** Effect's own Redis layers over the service of this package, unchanged. */
import { assert } from "@effect/vitest"
import { EffectRedis } from "@redisc/effect"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as Persistable from "effect/persistence/Persistable"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Persistence from "effect/persistence/Persistence"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Schema from "effect/Schema"
import { onClusters } from "./support/clusters.ts"

class Find extends Persistable.Class<{ payload: { readonly id: number } }>()("Find", {
  primaryKey: ({ id }) => `user:${id}`,
  success: Schema.Number
}) {}

const key = (id: number) => new Find({ id })

const Services = Layer.mergeAll(
  Persistence.layerRedis,
  RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreRedis())),
  CircuitBreaker.layerStoreRedis(),
  PersistedQueue.layer.pipe(
    Layer.provideMerge(PersistedQueue.layerStoreRedis({ prefix: "{effectq}:", pollInterval: "20 millis" }))
  )
).pipe(Layer.provide(EffectRedis.layer))

onClusters("Effect's own layers", Services, (it) => {
  it.effect("persist, read many, remove and clear; many are set if they have a common hash tag", () =>
    Effect.scoped(Effect.gen(function*() {
      const { make } = yield* Persistence.Persistence
      const store = yield* make({ storeId: "own", timeToLive: () => "1 hour" })
      for (let id = 0; id < 10; id++) yield* store.set(key(id), Exit.succeed(id))
      const all = Array.from({ length: 10 }, (_, id) => key(id))
      assert.deepStrictEqual(yield* store.getMany(all), all.map(({ id }) => Exit.succeed(id)))
      yield* store.remove(key(3))
      assert.isUndefined(yield* store.get(key(3)))
      yield* store.clear
      assert.deepStrictEqual(yield* store.getMany(all), all.map(() => undefined))
      const tagged = yield* make({ storeId: "{own}", timeToLive: () => "1 hour" })
      yield* tagged.setMany(all.map((find) => [find, Exit.succeed(find.id)] as const))
      assert.deepStrictEqual(yield* tagged.getMany(all), all.map(({ id }) => Exit.succeed(id)))
    })))

  it.effect("limit by fixed windows, and by token buckets whose key has a hash tag", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.RateLimiter
      for (const user of ["ada", "bob", "eve"]) {
        const options = { key: user, limit: 2, window: "1 hour" } as const
        assert.strictEqual((yield* limiter.consume(options)).remaining, 1)
        assert.strictEqual((yield* limiter.consume(options)).remaining, 0)
        assert.strictEqual((yield* Effect.flip(limiter.consume(options))).reason._tag, "RateLimitExceeded")
        const bucket = { ...options, key: `{${user}}`, algorithm: "token-bucket" } as const
        assert.strictEqual((yield* limiter.consume(bucket)).remaining, 1)
      }
    }))

  it.effect("break circuits", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({ tripPolicy: CircuitBreaker.consecutive(1), openDuration: "1 hour" })
      for (const name of ["a", "b", "c"]) {
        yield* Effect.flip(breaker.execute(Effect.fail("no"), { key: name }))
        assert.strictEqual((yield* breaker.state(name))._tag, "Open")
      }
    }))

  it.effect("queue, with a hash tag in their prefix", () =>
    Effect.gen(function*() {
      const queue = yield* PersistedQueue.make({ name: "own", schema: Schema.String })
      yield* queue.offer("a", { id: "a" })
      yield* queue.offer("again", { id: "a" })
      yield* queue.offer("b")
      assert.strictEqual(yield* queue.take(Effect.succeed), "a")
      assert.strictEqual(yield* queue.take((value, { attempts }) => Effect.succeed(`${value}${attempts}`)), "b1")
    }))
})
