import { assert } from "@effect/vitest"
import * as Client from "@redisc/core/Client"
import * as Redis from "@redisc/core/Redis"
import { isRedisError } from "@redisc/core/RedisError"
import * as Slot from "@redisc/core/Slot"
import * as SlotMap from "@redisc/core/SlotMap"
import { PersistedQueueStore } from "@redisc/effect"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as PersistedQueue from "effect/persistence/PersistedQueue"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { onClusters } from "./support/clusters.ts"

const Mail = Schema.Struct({ to: Schema.String })

const store = PersistedQueueStore.layer({ pollInterval: "20 millis" })

const makeQueue = (name: string, options: { readonly maxAttempts?: number } = {}) =>
  PersistedQueue.make({ name, schema: Mail, retrySchedule: Schedule.spaced("1 millis"), ...options })

const Services = PersistedQueue.layer.pipe(Layer.provideMerge(store))

/** Looks until it is so. */
const until = <E, R>(check: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(check, { until: (isSo) => isSo, schedule: Schedule.spaced("10 millis") })

const key = (name: string, part: string) => `{effectq:${name}}:${part}`

onClusters("a persisted queue", Services, (it) => {
  it.effect("delivers what was offered, once, in order, and forgets what was done", () =>
    Effect.gen(function*() {
      const queue = yield* makeQueue("order")
      for (let i = 0; i < 5; i++) yield* queue.offer({ to: `${i}` })
      const taken: Array<string> = []
      for (let i = 0; i < 5; i++) {
        yield* queue.take(({ to }, { attempts }) => Effect.sync(() => taken.push(`${to} ${attempts}`)))
      }
      assert.deepStrictEqual(taken, ["0 1", "1 1", "2 1", "3 1", "4 1"])
      const rest = yield* Effect.forEach(["ready", "items", "claims", "owners", "attempts"], (part) =>
        Redis.exists([key("order", part)]))
      assert.deepStrictEqual(rest, [0, 0, 0, 0, 0])
    }))

  it.effect("keeps a taker waiting until something is offered", () =>
    Effect.gen(function*() {
      const queue = yield* makeQueue("waiting")
      const taker = yield* Effect.forkChild(queue.take(({ to }) => Effect.succeed(to)), { startImmediately: true })
      yield* queue.offer({ to: "ada" })
      assert.strictEqual(yield* Fiber.join(taker), "ada")
    }))

  it.effect("gives an element back that was interrupted, without counting the attempt", () =>
    Effect.gen(function*() {
      const queue = yield* makeQueue("interrupt", { maxAttempts: 1 })
      yield* queue.offer({ to: "ada" })
      const begun = yield* Deferred.make<void>()
      const taker = yield* Effect.forkChild(
        queue.take(() => Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)),
        { startImmediately: true }
      )
      yield* Deferred.await(begun)
      yield* Fiber.interrupt(taker)
      assert.strictEqual(yield* queue.take((_, { attempts }) => Effect.succeed(attempts)), 1)
    }))

  it.effect("loses nothing to takers that are interrupted while they wait", () =>
    Effect.gen(function*() {
      const queue = yield* makeQueue("interrupted takers")
      for (let round = 0; round < 10; round++) {
        const taker = yield* Effect.forkChild(queue.take(() => Effect.void), { startImmediately: true })
        yield* queue.offer({ to: `${round}` }, { id: `${round}` })
        yield* Fiber.interrupt(taker)
      }
      // Some were done before they were interrupted; the others are delivered.
      yield* until(Effect.gen(function*() {
        const left = yield* Redis.hlen(key("interrupted takers", "items"))
        if (left > 0) yield* queue.take(() => Effect.void)
        return left === 0
      }))
    }))

  it.effect("delivers again what failed, as the retry schedule says", () =>
    Effect.gen(function*() {
      const queue = yield* makeQueue("retry")
      yield* queue.offer({ to: "ada" })
      assert.strictEqual(yield* Effect.flip(queue.take(() => Effect.fail("no"))), "no")
      assert.strictEqual(yield* queue.take((_, { attempts }) => Effect.succeed(attempts)), 2)
    }))

  it.effect("gives up after the last attempt, and keeps the element with its failure", () =>
    Effect.gen(function*() {
      const queue = yield* makeQueue("dead", { maxAttempts: 2 })
      const id = yield* queue.offer({ to: "ada" }, { id: "one" })
      yield* Effect.flip(queue.take(() => Effect.fail("first")))
      yield* Effect.flip(queue.take(() => Effect.fail("second")))
      assert.deepStrictEqual(yield* Redis.zrange(key("dead", "failed"), 0, -1), [id])
      assert.include(yield* Redis.hget(key("dead", "failures"), id), "second")
      assert.strictEqual(yield* Redis.hget(key("dead", "items"), id), `{"to":"ada"}`)
      assert.strictEqual(yield* Redis.hget(key("dead", "attempts"), id), "2")
      // Its id stays taken.
      yield* queue.offer({ to: "again" }, { id })
      yield* queue.offer({ to: "next" })
      assert.strictEqual(yield* queue.take(({ to }) => Effect.succeed(to)), "next")
    }))

  it.effect("gives up at once what does not fit the schema, and takes the next", () =>
    Effect.gen(function*() {
      const old = yield* PersistedQueue.make({ name: "schema", schema: Schema.Number })
      const queue = yield* makeQueue("schema")
      const id = yield* old.offer(1)
      yield* queue.offer({ to: "ada" })
      assert.strictEqual(yield* queue.take(({ to }) => Effect.succeed(to)), "ada")
      assert.deepStrictEqual(yield* Redis.zrange(key("schema", "failed"), 0, -1), [id])
    }))

  it.effect("takes an id once, also after it was done, and in each queue for itself", () =>
    Effect.gen(function*() {
      const one = yield* makeQueue("ids one")
      const two = yield* makeQueue("ids two")
      for (const queue of [one, two]) {
        yield* queue.offer({ to: "first" }, { id: "same" })
        yield* queue.offer({ to: "second" }, { id: "same" })
        assert.strictEqual(yield* queue.take(({ to }) => Effect.succeed(to)), "first")
        yield* queue.offer({ to: "third" }, { id: "same" })
        yield* queue.offer({ to: "other" })
        assert.strictEqual(yield* queue.take(({ to }) => Effect.succeed(to)), "other")
      }
    }))

  it.effect("does not deliver what another worker holds", () =>
    Effect.gen(function*() {
      const queue = yield* makeQueue("held")
      yield* queue.offer({ to: "a" })
      yield* queue.offer({ to: "b" })
      yield* queue.take((held) =>
        Effect.gen(function*() {
          assert.strictEqual(held.to, "a")
          assert.strictEqual(yield* queue.take(({ to }) => Effect.succeed(to)), "b")
          const third = yield* Effect.forkChild(queue.take(() => Effect.void), { startImmediately: true })
          yield* Effect.sleep("60 millis")
          assert.isUndefined(third.pollUnsafe())
          yield* Fiber.interrupt(third)
        })
      )
    }))

  it.effect("delays the first delivery", () =>
    Effect.gen(function*() {
      const queue = yield* makeQueue("delay")
      yield* queue.offer({ to: "later" }, { delay: "100 millis" })
      yield* queue.offer({ to: "now" })
      assert.strictEqual(yield* queue.take(({ to }) => Effect.succeed(to)), "now")
      assert.strictEqual(yield* queue.take(({ to }) => Effect.succeed(to)), "later")
    }))

  it.effect("shares the work between several workers, each element to one of them", () =>
    Effect.gen(function*() {
      const workers = yield* Effect.all(Array.from({ length: 3 }, () =>
        Effect.map(
          Layer.build(Layer.fresh(PersistedQueue.layer.pipe(Layer.provide(Layer.fresh(store))))),
          (context) => Effect.provide(makeQueue("shared"), context)
        )))
      const queues = yield* Effect.all(workers)
      const done: Array<string> = []
      for (let i = 0; i < 60; i++) yield* queues[i % 3].offer({ to: `${i}` }, { id: `${i}` })
      yield* Effect.forEach(queues, (queue) =>
        Effect.forEach(Array.from({ length: 4 }), () =>
          Effect.forever(queue.take(({ to }) =>
            Effect.sync(() => done.push(to))
          )), { concurrency: "unbounded" }), {
        concurrency: "unbounded"
      }).pipe(Effect.race(until(Effect.sync(() =>
        done.length >= 60
      ))))
      assert.strictEqual(done.length, 60)
      assert.strictEqual(new Set(done).size, 60)
    }))

  it.effect("delivers again what a worker held that is gone, and no longer listens to that worker", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(
        Layer.fresh(PersistedQueueStore.layer({ lockExpiration: "100 millis", lockRefreshInterval: "1 hour" })),
        scope
      )
      const options = { name: "gone", maxAttempts: 3, retryDelay: () => Effect.succeed(Duration.zero) }
      const gone = yield* PersistedQueue.PersistedQueueStore.pipe(Effect.provide(context))
      const queue = yield* makeQueue("gone")
      yield* queue.offer({ to: "ada" }, { id: "one" })
      const held = yield* Scope.make()
      yield* Scope.provide(gone.take(options), held)
      yield* queue.take((_, { attempts }) =>
        Effect.gen(function*() {
          assert.strictEqual(attempts, 2)
          // The first worker wakes up, and believes that it has done it.
          yield* Scope.close(held, Exit.void)
          assert.strictEqual(yield* Redis.hexists(key("gone", "items"), "one"), true)
        })
      )
      assert.strictEqual(yield* Redis.hexists(key("gone", "items"), "one"), false)
      yield* Scope.close(scope, Exit.void)
    }))

  it.effect("counts an attempt whose worker was gone, and gives up after the last", () =>
    Effect.gen(function*() {
      const short = yield* Layer.build(
        Layer.fresh(PersistedQueueStore.layer({ lockExpiration: "20 millis", lockRefreshInterval: "1 hour" }))
      )
      const options = { name: "crashes", maxAttempts: 1, retryDelay: () => Effect.succeed(Duration.zero) }
      const gone = yield* PersistedQueue.PersistedQueueStore.pipe(Effect.provide(short))
      const queue = yield* makeQueue("crashes", { maxAttempts: 1 })
      yield* queue.offer({ to: "ada" }, { id: "one" })
      yield* Scope.provide(gone.take(options), yield* Scope.make())
      const waiting = yield* Effect.forkChild(queue.take(() => Effect.void), { startImmediately: true })
      yield* until(Effect.map(Redis.zcard(key("crashes", "failed")), (count) => count === 1))
      assert.include(yield* Redis.hget(key("crashes", "failures"), "one"), "worker was gone")
      yield* Fiber.interrupt(waiting)
    }))

  it.effect("keeps an element with a worker that works for longer than the lease", () =>
    Effect.gen(function*() {
      const context = yield* Layer.build(Layer.fresh(PersistedQueue.layer.pipe(
        Layer.provide(
          Layer.fresh(PersistedQueueStore.layer({ lockExpiration: "150 millis", pollInterval: "20 millis" }))
        )
      )))
      const slow = yield* Effect.provide(makeQueue("slow"), context)
      const other = yield* makeQueue("slow")
      yield* slow.offer({ to: "ada" })
      yield* slow.take(() =>
        Effect.gen(function*() {
          const thief = yield* Effect.forkChild(other.take(() => Effect.void), { startImmediately: true })
          yield* Effect.sleep("500 millis")
          assert.isUndefined(thief.pollUnsafe())
          yield* Fiber.interrupt(thief)
        })
      )
      assert.strictEqual(yield* Redis.hlen(key("slow", "items")), 0)
    }))

  it.effect("forgets old ids and old failures when it is cleaned up, in all queues", () =>
    Effect.gen(function*() {
      const { cleanup } = yield* PersistedQueue.PersistedQueueStore
      const queue = yield* makeQueue("clean {1}", { maxAttempts: 1 })
      const names = { ids: "{effectq:clean %7B1%7D}:ids", failed: "{effectq:clean %7B1%7D}:failed" }
      yield* queue.offer({ to: "a" }, { id: "done" })
      yield* queue.take(() => Effect.void)
      yield* queue.offer({ to: "b" }, { id: "dead" })
      yield* Effect.flip(queue.take(() => Effect.fail("no")))
      yield* queue.offer({ to: "c" }, { id: "waits" })
      yield* Effect.sleep("5 millis")
      yield* cleanup({ timeToLive: Duration.minutes(1), failedTimeToLive: undefined })
      assert.sameMembers([...yield* Redis.zrange(names.ids, 0, -1)], ["done", "dead", "waits"])
      yield* cleanup({ timeToLive: Duration.millis(1), failedTimeToLive: undefined })
      assert.sameMembers([...yield* Redis.zrange(names.ids, 0, -1)], ["dead", "waits"])
      yield* cleanup({ timeToLive: Duration.millis(1), failedTimeToLive: Duration.millis(1) })
      assert.deepStrictEqual(yield* Redis.zrange(names.ids, 0, -1), ["waits"])
      assert.strictEqual(yield* Redis.exists([names.failed]), 0)
      assert.strictEqual(yield* queue.take(({ to }) => Effect.succeed(to)), "c")
    }))

  it.effect("has all keys of a queue in one slot, and different queues on different shards", () =>
    Effect.gen(function*() {
      const { topology } = yield* Client.Client
      const map = yield* topology.current
      const owners = new Set<string | undefined>()
      for (let i = 0; i < 20; i++) {
        const slots = ["ready", "items", "ids"].map((part) => Slot.fromKey(key(`spread ${i}`, part)))
        assert.strictEqual(new Set(slots).size, 1)
        owners.add(SlotMap.shardOf(map, slots[0])?.primary?.address.key)
        const queue = yield* makeQueue(`spread ${i}`)
        yield* queue.offer({ to: `${i}` })
        assert.strictEqual(yield* queue.take(({ to }) => Effect.succeed(to)), `${i}`)
      }
      assert.strictEqual(owners.size, 3)
    }))

  it.effect("fails with redisc's error as the cause, and refuses wrong options", () =>
    Effect.gen(function*() {
      yield* Redis.set(key("wrong", "items"), "x")
      const queue = yield* makeQueue("wrong")
      const error = yield* Effect.flip(queue.offer({ to: "ada" }))
      assert.strictEqual(error._tag, "PersistedQueueError")
      assert.isTrue(error._tag === "PersistedQueueError" && isRedisError(error.cause))
      const refused = (options: object) =>
        Effect.map(Effect.flip(Effect.scoped(PersistedQueueStore.make(options))), ({ reason }) => reason._tag)
      assert.strictEqual(yield* refused({ prefix: "{q}" }), "InvalidArgument")
      assert.strictEqual(yield* refused({ pollInterval: -1 }), "InvalidArgument")
    }))
})
