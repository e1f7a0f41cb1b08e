/** What is kept belongs to a client: to its settings, its end, its statistics and its spans. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as Cached from "../src/Cached.ts"
import type * as Client from "../src/Client.ts"
import * as NodePool from "../src/NodePool.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import * as Topology from "../src/Topology.ts"
import { caching, flushed, gets, invalidated, joined, startAll, turnOn, watcher } from "./support/caching.ts"
import { start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, settle, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const cached = Redis.get(keyOfA).pipe(Cached.for("1 minute"))

describe("the option cache", () => {
  const throwing = {
    get maxBytes(): never {
      throw new Error("secret")
    }
  }
  it.effect.each<readonly [string, unknown]>([
    ["another word", "on"],
    ["empty text", ""],
    ["null", null],
    ["true", true],
    ["a number", 1024],
    ["an array", []],
    ["another option", { bytes: 1 }],
    ["no bytes", { maxBytes: 0 }],
    ["less than none", { maxBytes: -1 }],
    ["NaN", { maxBytes: NaN }],
    ["text for a number", { maxBytes: "1 MiB" }],
    ["part of a byte", { maxBytes: 1.5 }],
    ["without end", { maxBytes: Infinity }],
    ["what throws", throwing]
  ])("is refused when it is %s", ([, cache]) =>
    Effect.gen(function*() {
      const { reason } = yield* Effect.flip(caching({ cache: cache as never }))
      assert.strictEqual(reason._tag, "InvalidArgument")
      assert.match(reason.message, /\bcache\b/)
      assert.notInclude(reason.message, "secret")
    }))

  it.effect.each([[undefined], [{}], [{ maxBytes: undefined }], [{ maxBytes: Number.MAX_SAFE_INTEGER }]])(
    "may be %j",
    ([cache]) =>
      Effect.gen(function*() {
        const { a, read } = yield* caching({ cache })
        yield* read(keyOfA)
        yield* read(keyOfA)
        assert.strictEqual(gets(a, keyOfA), 1)
      })
  )
})

describe("a bound", () => {
  it.effect("is kept to by dropping others, and a reply too large for it is not kept", () =>
    Effect.gen(function*() {
      const { a, read, service, values } = yield* caching({ cache: { maxBytes: 20_000 } })
      values.set("{bar}large", "x".repeat(10_000))
      for (let i = 0; i < 2; i++) yield* read("{bar}large")
      assert.strictEqual(gets(a, "{bar}large"), 2)
      const stats = Effect.map(service.stats, ({ cache }) => cache!)
      assert.deepInclude(yield* stats, { tooLarge: 2, entries: 0 })
      for (let i = 0; i < 300; i++) yield* read(`{bar}${i}`)
      const { bytes, entries, evictions } = yield* stats
      assert.isAtMost(bytes, 20_000)
      assert.strictEqual(entries + evictions, 300)
      assert.isAbove(entries, 10)
    }))
})

describe("statistics", () => {
  it.effect("add up: each read is a hit, a miss or shared, and each that is dropped has its cause", () =>
    Effect.gen(function*() {
      const { a, cluster, read, run, service, values } = yield* caching({ pingInterval: "1 hour" })
      const stats = Effect.map(service.stats, ({ cache }) => cache!)
      values.set(keyOfA, "12345")
      yield* joined(yield* startAll(read(keyOfA), 10))
      yield* run(Redis.mget([keyOfA, keyOfB]).pipe(Cached.for("1 minute")))
      yield* run(Redis.pipeline([cached, cached]))
      const before = yield* stats
      assert.deepInclude(before, { hits: 2, misses: 3, shared: 9, entries: 3 })
      assert.isAtLeast(before.savedBytes, 10)
      watcher(a).send(invalidated(keyOfA))
      yield* read(keyOfA)
      yield* run(Redis.set(keyOfA, "2"))
      yield* read(keyOfA)
      watcher(a).send(flushed)
      yield* read(keyOfA)
      yield* run(Cached.drop([keyOfA]))
      yield* read(keyOfA)
      cluster.slots = [[0, 5460, "b:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      yield* service.refresh
      yield* read(keyOfA)
      const { hits, invalidations, misses, shared } = yield* stats
      assert.deepStrictEqual(invalidations, {
        pushed: 2,
        written: 1,
        forgotten: 1,
        moved: 1,
        expired: 0,
        dropped: 1
      })
      assert.strictEqual(hits + misses + shared, 14 + 5)
    }))
})

describe("a client that ends", () => {
  it.effect("fails the reads that are on their way, all who share them", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { a, read, run } = yield* Scope.provide(caching(), scope)
      yield* read("{bar}kept")
      a.on("GET", "hold")
      const fibers = yield* startAll(Effect.flip(read(keyOfA)), 5)
      yield* settle
      const closing = yield* start(Scope.close(scope, Exit.void))
      yield* advance("1 minute")
      yield* Fiber.join(closing)
      for (const { reason } of yield* joined(fibers)) assert.strictEqual(reason._tag, "Closed")
      assert.strictEqual((yield* Effect.flip(read("{bar}kept"))).reason._tag, "Closed")
      const [result] = yield* run(Redis.pipeline([cached], { mode: "result" }))
      assert.strictEqual(result._tag, "Failure")
      assert.strictEqual((yield* run(Cached.stats))?.entries, 0)
    }))

  it.effect("waits for those that are answered in time", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { a, read } = yield* Scope.provide(caching(), scope)
      a.on("GET", "hold")
      const fibers = yield* startAll(read(keyOfA), 5)
      yield* settle
      const closing = yield* start(Scope.close(scope, Exit.void))
      yield* settle
      watcher(a).release(Reply.bulk("1"))
      assert.deepStrictEqual(yield* joined(fibers), Array.from({ length: 5 }, () => "1"))
      yield* advance("1 minute")
      yield* Fiber.join(closing)
    }))

  it.effect("does not wait for a read that nobody waits for", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { a, read } = yield* Scope.provide(caching(), scope)
      a.on("GET", "hold")
      const fibers = yield* startAll(read(keyOfA), 5)
      yield* settle
      yield* Effect.forEach(fibers, Fiber.interrupt)
      const closing = yield* start(Scope.close(scope, Exit.void))
      yield* settle
      assert.isDefined(closing.pollUnsafe())
    }))
})

describe("two clients of one pool", () => {
  it.effect("drop what either of them writes, and hear what servers push", () =>
    Effect.gen(function*() {
      const { a, cluster, service, values } = yield* caching()
      const { pool, topology } = service.client.router.cluster
      const of = yield* cluster.provide(Layer.build(
        RedisCluster.layerClient().pipe(
          Layer.provide(Layer.succeed(NodePool.NodePool, pool)),
          Layer.provide(Layer.succeed(Topology.Topology, topology))
        )
      ))
      const other = <A, E>(effect: Effect.Effect<A, E, RedisCluster.RedisCluster | Client.Client | Redis.Redis>) =>
        Effect.provideContext(effect, of)
      const one = service.execute(cached)
      values.set(keyOfA, "1")
      assert.deepStrictEqual([yield* one, yield* other(cached)], ["1", "1"])
      assert.strictEqual(a.count(turnOn), 1)
      yield* service.execute(Redis.set(keyOfA, "2"))
      assert.deepStrictEqual([yield* one, yield* other(cached)], ["2", "2"])
      yield* other(Redis.set(keyOfA, "3"))
      assert.deepStrictEqual([yield* one, yield* other(cached)], ["3", "3"])
      values.set(keyOfA, "4")
      watcher(a).send(invalidated(keyOfA))
      assert.deepStrictEqual([yield* one, yield* other(cached)], ["4", "4"])
      assert.strictEqual(gets(a, keyOfA), 8)
      yield* one
      yield* other(cached)
      assert.strictEqual(gets(a, keyOfA), 8)
    }))
})

describe("those who keep derived data", () => {
  it.effect("are told of all that may be old, whether it was kept or not", () =>
    Effect.gen(function*() {
      const { a, read, run } = yield* caching({ pingInterval: "1 hour" })
      const heard: Array<Cached.Invalidation> = []
      yield* Effect.forkChild(
        run(Stream.runForEach(Cached.invalidations, (told) => Effect.sync(() => heard.push(told)))),
        { startImmediately: true }
      )
      yield* read(keyOfA)
      yield* run(Redis.set("{bar}unread", "1"))
      watcher(a).send(invalidated(keyOfA, "{bar}2"))
      watcher(a).send(flushed)
      yield* settle
      const causes = heard.map(({ cause }) => cause)
      assert.includeMembers(causes, ["Written", "Pushed", "Forgotten"])
      assert.strictEqual(heard.some((told) => told.cause === "Pushed" && Cached.concerns(told, "{bar}2")), true)
      assert.strictEqual(heard.some((told) => told.cause === "Forgotten" && Cached.concerns(told, keyOfA)), true)
      assert.strictEqual(heard.some((told) => told.cause === "Forgotten" && Cached.concerns(told, keyOfB)), false)
    }))
})

describe("the span of a cached read", () => {
  it.effect("names the node from which the reply came, be it kept, shared or read", () =>
    Effect.gen(function*() {
      const { run } = yield* caching()
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const traced = run(Effect.provideService(cached, Tracer.Tracer, tracer))
      yield* Effect.all([traced, traced], { concurrency: "unbounded" })
      yield* traced
      assert.strictEqual(spans.length, 3)
      for (const { attributes, name } of spans) {
        assert.deepStrictEqual({ name, ...Object.fromEntries(attributes) }, {
          name: "GET",
          "db.system.name": "redis",
          "db.operation.name": "GET",
          "network.peer.address": "a:7000",
          "db.redis.slot": slotOfA
        })
      }
    }))
})
