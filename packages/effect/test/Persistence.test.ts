import { assert } from "@effect/vitest"
import * as Redis from "@redisc/core/Redis"
import { isRedisError } from "@redisc/core/RedisError"
import { BackingPersistence, EffectRedis } from "@redisc/effect"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Persistable from "effect/persistence/Persistable"
import * as PersistedCache from "effect/persistence/PersistedCache"
import * as Persistence from "effect/persistence/Persistence"
import * as RequestResolver from "effect/RequestResolver"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { onClusters } from "./support/clusters.ts"

class User extends Schema.Class<User>("User")({ id: Schema.Number, name: Schema.String }) {}

class Find extends Persistable.Class<{ payload: { readonly id: number } }>()("Find", {
  primaryKey: ({ id }) => `user:${id}`,
  success: User,
  error: Schema.String
}) {}

const found = (id: number) => Exit.succeed(new User({ id, name: `name ${id}` }))
const key = (id: number) => new Find({ id })

/** Looks until there is nothing: what expires does so by the server's clock. */
const untilGone = <A, E, R>(look: Effect.Effect<A | undefined, E, R>) =>
  Effect.repeat(look, { until: (found) => found === undefined, schedule: Schedule.spaced("10 millis") })

const Services = Layer.mergeAll(
  Persistence.layer.pipe(Layer.provideMerge(BackingPersistence.layer)),
  EffectRedis.layer
)

onClusters("persistence", Services, (it) => {
  it.effect("sets and gets results, successes and failures, and does not find what is not there", () =>
    Effect.scoped(Effect.gen(function*() {
      const { make } = yield* Persistence.Persistence
      const store = yield* make({ storeId: "one" })
      yield* store.set(key(1), found(1))
      yield* store.set(key(2), Exit.fail("no such user"))
      assert.deepStrictEqual(yield* store.get(key(1)), found(1))
      assert.deepStrictEqual(yield* store.get(key(2)), Exit.fail("no such user"))
      assert.isUndefined(yield* store.get(key(3)))
    })))

  it.effect("sets many over all slots and gets them in the order asked for, with those that are missing and asked for twice", () =>
    Effect.scoped(Effect.gen(function*() {
      const { make } = yield* Persistence.Persistence
      const store = yield* make({ storeId: "many" })
      const ids = Array.from({ length: 40 }, (_, id) => id)
      yield* store.setMany(ids.map((id) => [key(id), found(id)] as const))
      const asked = [...ids.toReversed(), 99, 7]
      assert.deepStrictEqual(
        yield* store.getMany(asked.map(key)),
        asked.map((id) => id === 99 ? undefined : found(id))
      )
      assert.deepStrictEqual(yield* store.getMany([] as ReadonlyArray<Find>), [])
    })))

  it.effect("removes one entry, and clears a store without touching another whose name begins alike", () =>
    Effect.scoped(Effect.gen(function*() {
      const { make } = yield* Persistence.Persistence
      const store = yield* make({ storeId: "clear*" })
      const other = yield* make({ storeId: "clear*er" })
      const colons = yield* make({ storeId: "clear*:x" })
      yield* store.setMany([1, 2, 3].map((id) => [key(id), found(id)] as const))
      yield* other.set(key(1), found(1))
      yield* colons.set(key(1), found(1))
      yield* store.remove(key(2))
      assert.deepStrictEqual(yield* store.getMany([key(1), key(2)]), [found(1), undefined])
      yield* store.clear
      yield* store.clear
      assert.deepStrictEqual(yield* store.getMany([1, 2, 3].map(key)), [undefined, undefined, undefined])
      assert.deepStrictEqual(yield* other.get(key(1)), found(1))
      assert.deepStrictEqual(yield* colons.get(key(1)), found(1))
    })))

  it.effect("lets entries expire, one by one and many, and rounds a fraction of a millisecond up", () =>
    Effect.scoped(Effect.gen(function*() {
      const { make } = yield* Persistence.Persistence
      const store = yield* make({ storeId: "expiry", timeToLive: (exit) => Exit.isSuccess(exit) ? "1 hour" : 0.4 })
      yield* store.set(key(1), found(1))
      yield* store.setMany([[key(2), found(2)], [key(3), Exit.fail("gone")]])
      assert.isAbove(yield* Redis.pttl("expiry:user:1"), 3_000_000)
      assert.isAbove(yield* Redis.pttl("expiry:user:2"), 3_000_000)
      yield* untilGone(store.get(key(3)))
      assert.deepStrictEqual(yield* store.get(key(2)), found(2))
    })))

  it.effect("reads what Effect's own backing has written, and the other way round", () =>
    Effect.scoped(Effect.gen(function*() {
      const ours = yield* (yield* Persistence.Persistence).make({ storeId: "both:%" })
      const theirs = yield* Effect.flatMap(Persistence.Persistence, ({ make }) => make({ storeId: "both:%" })).pipe(
        Effect.provide(Persistence.layerRedis, { local: true })
      )
      yield* ours.set(key(1), found(1))
      yield* theirs.set(key(2), found(2))
      assert.deepStrictEqual(yield* theirs.getMany([key(1), key(2)]), [found(1), found(2)])
      assert.deepStrictEqual(yield* ours.getMany([key(1), key(2)]), [found(1), found(2)])
      yield* theirs.clear
      assert.isUndefined(yield* ours.get(key(1)))
    })))

  it.effect("fails with redisc's error as the cause, and with a value that has no JSON", () =>
    Effect.scoped(Effect.gen(function*() {
      const backing = yield* Persistence.BackingPersistence
      const store = yield* backing.make("wrong")
      yield* Redis.lpush("wrong:list", ["x"])
      const error = yield* Effect.flip(store.get("list"))
      assert.strictEqual(error._tag, "PersistenceError")
      assert.isTrue(isRedisError(error.cause))
      yield* Redis.set("wrong:text", "{")
      assert.strictEqual((yield* Effect.flip(store.get("text")))._tag, "PersistenceError")
      assert.deepStrictEqual(yield* store.getMany(["text"]), [undefined])
      const circle: { self?: object } = {}
      circle.self = circle
      assert.strictEqual((yield* Effect.flip(store.set("circle", circle, undefined)))._tag, "PersistenceError")
      assert.strictEqual(
        (yield* Effect.flip(store.setMany([["a", {}, undefined], ["b", circle, undefined]])))._tag,
        "PersistenceError"
      )
      assert.isNull(yield* Redis.get("wrong:a"))
    })))

  it.effect("keeps the results of a persisted cache for another process", () =>
    Effect.scoped(Effect.gen(function*() {
      let lookups = 0
      const cache = PersistedCache.make((find: Find) =>
        Effect.sync(() => {
          lookups++
          return new User({ id: find.id, name: `name ${find.id}` })
        }), { storeId: "cache", timeToLive: () => "1 hour", inMemoryCapacity: 10 })
      const [first, second] = [yield* cache, yield* cache]
      assert.strictEqual((yield* first.get(key(1))).name, "name 1")
      assert.strictEqual((yield* second.get(key(1))).name, "name 1")
      assert.strictEqual(lookups, 1)
      yield* second.invalidate(key(1))
      yield* (yield* cache).get(key(1))
      assert.strictEqual(lookups, 2)
    })))

  it.effect("persists the results of a request resolver, many at once", () =>
    Effect.scoped(Effect.gen(function*() {
      let asked = 0
      class FindMany extends Persistable.Class<{ payload: { readonly id: number } }>()("FindMany", {
        primaryKey: ({ id }) => `many:${id}`,
        success: User
      }) {}
      const resolver = RequestResolver.make<FindMany>((entries) =>
        Effect.sync(() => {
          for (const entry of entries) {
            asked++
            entry.completeUnsafe(Exit.succeed(new User({ id: entry.request.id, name: "x" })))
          }
        })
      )
      const persisted = yield* RequestResolver.persisted(resolver, { storeId: "resolver", timeToLive: () => "1 hour" })
      const all = Effect.forEach(Array.from({ length: 10 }, (_, id) => id), (id) =>
        Effect.request(new FindMany({ id }), persisted), { concurrency: "unbounded" })
      assert.strictEqual((yield* all).length, 10)
      assert.strictEqual((yield* all).length, 10)
      assert.strictEqual(asked, 10)
    })))
})
