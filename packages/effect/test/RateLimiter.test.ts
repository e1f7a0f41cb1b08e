import { assert, layer } from "@effect/vitest"
import * as Redis from "@redisc/core/Redis"
import { isRedisError } from "@redisc/core/RedisError"
import { RateLimiterStore } from "@redisc/effect"
import { FakeCluster } from "@redisc/test-utils"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import { onClusters } from "./support/clusters.ts"

const Services = RateLimiter.layer.pipe(Layer.provideMerge(RateLimiterStore.layer()))

const reasonOf = <A, E>(effect: Effect.Effect<A, RateLimiter.RateLimiterError, E>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => reason)

const consume = (options: Parameters<RateLimiter.RateLimiter["consume"]>[0]) =>
  RateLimiter.RateLimiter.use((limiter) => limiter.consume(options))

onClusters("a rate limiter", Services, (it) => {
  it.effect("counts in fixed windows, and refuses at the limit until the window ends", () =>
    Effect.gen(function*() {
      const ada = { key: "fixed:ada", limit: 3, window: "1 hour" } as const
      const remaining = []
      for (let i = 0; i < 3; i++) remaining.push((yield* consume(ada)).remaining)
      assert.deepStrictEqual(remaining, [2, 1, 0])
      const reason = yield* reasonOf(consume(ada))
      assert.strictEqual(reason._tag, "RateLimitExceeded")
      assert.isTrue(reason._tag === "RateLimitExceeded" && Duration.toMillis(reason.retryAfter) > 3_000_000)
      assert.strictEqual((yield* consume({ ...ada, key: "fixed:bob" })).remaining, 2)
      // The limit counts tokens, and what is left can still be taken.
      yield* consume({ ...ada, key: "fixed:eve", tokens: 2 })
      assert.strictEqual((yield* reasonOf(consume({ ...ada, key: "fixed:eve", tokens: 2 })))._tag, "RateLimitExceeded")
      assert.strictEqual((yield* consume({ ...ada, key: "fixed:eve" })).remaining, 0)
    }))

  it.effect("allows again what it refused, once the window has ended", () =>
    Effect.gen(function*() {
      const ada = { key: "soon", limit: 2, window: "60 millis" } as const
      yield* consume(ada)
      yield* consume(ada)
      const { remaining } = yield* Effect.retry(consume(ada), Schedule.spaced("5 millis"))
      assert.isAtLeast(remaining, 0)
    }))

  it.effect("says how long to wait, with delays instead of failures", () =>
    Effect.gen(function*() {
      const ada = { key: "delay", limit: 2, window: "1 hour", onExceeded: "delay" } as const
      const delays = []
      for (let i = 0; i < 3; i++) delays.push(Duration.toMillis((yield* consume(ada)).delay))
      assert.deepStrictEqual(delays.slice(0, 2), [0, 0])
      assert.isAbove(delays[2], 3_000_000)
    }))

  it.effect("takes from token buckets with default keys", () =>
    Effect.gen(function*() {
      const ada = { key: "bucket", limit: 2, window: "1 hour", algorithm: "token-bucket" } as const
      assert.deepStrictEqual([(yield* consume(ada)).remaining, (yield* consume(ada)).remaining], [1, 0])
      const reason = yield* reasonOf(consume(ada))
      assert.isTrue(reason._tag === "RateLimitExceeded" && Duration.toMillis(reason.retryAfter) > 1_000_000)
      const delayed = yield* consume({ ...ada, onExceeded: "delay" })
      assert.isAbove(Duration.toMillis(delayed.delay), 1_000_000)
    }))

  it.effect("learns from what a service answers", () =>
    Effect.gen(function*() {
      const limiter = yield* RateLimiter.RateLimiter
      const options = { key: "learning", tokens: 1, fallbackLimit: 10, fallbackWindow: Duration.minutes(1) }
      assert.strictEqual((yield* limiter.adaptiveConsume(options)).phase, "inactive")
      yield* limiter.adaptiveFeedback({
        key: "learning",
        epoch: 0,
        tokens: 1,
        status: 429,
        retryAfter: Duration.minutes(1)
      })
      const { delay, phase } = yield* limiter.adaptiveConsume(options)
      assert.strictEqual(phase, "cooldown")
      assert.isAbove(Duration.toMillis(delay), 30_000)
    }))

  it.effect("refuses without asking Redis while it knows that the limit is reached", () =>
    Effect.gen(function*() {
      const ada = { key: "known", limit: 1, window: "1 hour" } as const
      const bucket = { ...ada, algorithm: "token-bucket" } as const
      yield* consume(ada)
      yield* consume(bucket)
      yield* Effect.flip(consume(ada))
      yield* Effect.flip(consume(bucket))
      assert.strictEqual(yield* Redis.del(["ratelimiter:known"]), 1)
      assert.strictEqual(yield* Redis.del(["ratelimiter:known:bucket"]), 1)
      assert.strictEqual((yield* reasonOf(consume(ada)))._tag, "RateLimitExceeded")
      assert.strictEqual((yield* reasonOf(consume(bucket)))._tag, "RateLimitExceeded")
      assert.strictEqual(yield* Redis.exists(["ratelimiter:known", "ratelimiter:known:bucket"]), 0)
      // Another limit on the same key is another question.
      assert.strictEqual((yield* consume({ ...ada, limit: 5 })).remaining, 4)
      assert.strictEqual((yield* consume({ ...bucket, limit: 5 })).remaining, 4)
    }))

  it.effect("spreads over slots, and admits no more than the limit to many who ask at once", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 12; i++) {
        yield* consume({ key: `k${i}`, limit: 1, window: "1 hour", algorithm: "token-bucket" })
      }
      const asked = yield* Effect.all(
        Array.from({ length: 30 }, () => Effect.exit(consume({ key: "crowd", limit: 10, window: "1 hour" }))),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(asked.filter(({ _tag }) => _tag === "Success").length, 10)
    }))

  it.effect("fails with redisc's error as the cause, and refuses numbers and options that are none", () =>
    Effect.gen(function*() {
      yield* Redis.lpush("ratelimiter:wrong", ["x"])
      const reason = yield* reasonOf(consume({ key: "wrong", limit: 1, window: "1 hour" }))
      assert.isTrue(reason._tag === "RateLimitStoreError" && isRedisError(reason.cause))
      for (const bad of [{ tokens: NaN }, { tokens: -1 }, { window: "Infinity" as const }]) {
        const refused = yield* reasonOf(consume({ key: "bad", limit: 1, window: "1 hour", ...bad }))
        assert.strictEqual(refused._tag, "RateLimitStoreError")
      }
      const refused = (options: object) =>
        Effect.map(Effect.flip(RateLimiterStore.make(options)), ({ reason }) => reason._tag)
      assert.strictEqual(yield* refused({ prefix: "{a}" }), "InvalidArgument")
      assert.strictEqual(yield* refused({ whenAway: "ajar" }), "InvalidArgument")
      assert.strictEqual(yield* refused({ timeout: -1 }), "InvalidArgument")
    }))
})

/** The same numbers each time, so that a failure can be repeated. */
const dice = (seed: number) => {
  let state = seed
  return (sides: number) => {
    state = (state * 1103515245 + 12345) % 2147483648
    return Math.floor(state / 65536) % sides
  }
}

layer(FakeCluster.layer())("a rate limiter, step by step", (it) => {
  it.effect("decides as Effect's store in memory does", () =>
    Effect.gen(function*() {
      const ours = yield* RateLimiterStore.make()
      const theirs = yield* Effect.provide(RateLimiter.RateLimiterStore, RateLimiter.layerStoreMemory)
      const roll = dice(7)
      for (let step = 0; step < 600; step++) {
        const key = `k${roll(3)}`
        const tokens = 1 + roll(3)
        const refillRate = Duration.millis(20)
        yield* TestClock.adjust(roll(3) === 0 ? roll(60) : 0)
        const at = `step ${step}`
        switch (roll(5)) {
          case 0: {
            const request = { key: `fixed ${key}`, tokens, refillRate, limit: roll(2) === 0 ? 5 : undefined }
            assert.deepStrictEqual(yield* ours.fixedWindow(request), yield* theirs.fixedWindow(request), at)
            break
          }
          case 1:
          case 2: {
            const request = { key: `bucket ${key}`, tokens, refillRate, limit: 5, allowOverflow: roll(4) === 0 }
            assert.deepStrictEqual(yield* ours.tokenBucket(request), yield* theirs.tokenBucket(request), at)
            break
          }
          case 3: {
            const request = { key, tokens, fallbackLimit: 5, fallbackWindow: Duration.millis(100) }
            const [mine, its] = [yield* ours.adaptiveConsume(request), yield* theirs.adaptiveConsume(request)]
            assert.deepStrictEqual([mine.epoch, mine.phase], [its.epoch, its.phase], at)
            // Effect's script stores fourteen digits, and rounds up.
            assert.closeTo(Duration.toMillis(mine.delay), Duration.toMillis(its.delay), 1, at)
            break
          }
          default: {
            const epoch = roll(3)
            const request = { key, tokens, epoch, status: 429, retryAfter: Duration.millis(1 + roll(50)) }
            yield* ours.adaptiveFeedback(request)
            yield* theirs.adaptiveFeedback(request)
          }
        }
      }
    }))
})

layer(FakeCluster.layer(), { excludeTestServices: true })("a rate limiter while Redis is away", (it) => {
  it.effect("fails, or admits everything, as it was told", () =>
    Effect.gen(function*() {
      const cluster = yield* FakeCluster.FakeCluster
      const timeout = "30 millis"
      const closed = yield* RateLimiterStore.make({ timeout })
      const open = yield* RateLimiterStore.make({ timeout, whenAway: "open" })
      const limiterOf = (store: RateLimiter.RateLimiterStore["Service"]) =>
        Effect.provideService(RateLimiter.make, RateLimiter.RateLimiterStore, store)
      const ada = { key: "away", limit: 3, window: "1 minute" } as const
      const adaptive = { key: "away", tokens: 1, fallbackLimit: 3, fallbackWindow: Duration.minutes(1) }
      const nodes = yield* cluster.nodes
      yield* Effect.forEach(nodes, (node) => cluster.pause(node))

      const strict = yield* limiterOf(closed)
      for (
        const work of [
          strict.consume(ada),
          strict.consume({ ...ada, algorithm: "token-bucket" }),
          strict.consume({ ...ada, onExceeded: "delay" })
        ]
      ) {
        const reason = yield* reasonOf(work)
        assert.isTrue(reason._tag === "RateLimitStoreError" && isRedisError(reason.cause))
      }

      const lenient = yield* limiterOf(open)
      for (let i = 0; i < 5; i++) assert.strictEqual((yield* lenient.consume(ada)).remaining, 2)
      assert.strictEqual((yield* lenient.consume({ ...ada, algorithm: "token-bucket" })).remaining, 2)
      assert.isTrue(Duration.isZero((yield* lenient.consume({ ...ada, onExceeded: "delay" })).delay))
      assert.strictEqual((yield* lenient.adaptiveConsume(adaptive)).phase, "inactive")
      yield* lenient.adaptiveFeedback({ ...adaptive, epoch: 0, status: 429, retryAfter: Duration.minutes(1) })

      yield* Effect.forEach(nodes, (node) => cluster.resume(node))
    }))
})
