import { assert } from "@effect/vitest"
import * as Redis from "@redisc/core/Redis"
import { isRedisError } from "@redisc/core/RedisError"
import { CircuitBreakerStore } from "@redisc/effect"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as Schedule from "effect/Schedule"
import { onClusters } from "./support/clusters.ts"

const until = <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.retry(work, Schedule.spaced("10 millis"))

const make = CircuitBreaker.make({ tripPolicy: CircuitBreaker.consecutive(2), openDuration: "50 millis" })

const failing = Effect.fail("no")

const reasonOf = (work: Effect.Effect<unknown, unknown>) =>
  Effect.map(
    Effect.flip(work),
    (error) =>
      error instanceof CircuitBreaker.CircuitBreakerError ? error.reason : assert.fail(`no rejection: ${error}`)
  )

onClusters("a circuit breaker", CircuitBreakerStore.layer(), (it) => {
  it.effect("opens after failures, for all who share the circuit, and closes after a probe that succeeds", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* make, yield* make]
      const key = "payments"
      assert.strictEqual((yield* one.state(key))._tag, "Closed")
      yield* Effect.flip(one.execute(failing, { key }))
      yield* Effect.flip(other.execute(failing, { key }))
      assert.strictEqual((yield* reasonOf(other.execute(Effect.void, { key })))._tag, "CircuitOpen")
      assert.strictEqual((yield* one.state(key))._tag, "Open")
      yield* until(other.execute(Effect.void, { key }))
      assert.strictEqual((yield* one.state(key))._tag, "Closed")
      yield* one.execute(Effect.void, { key })
    }))

  it.effect("lets one probe through, and opens again if it fails", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* make, yield* make]
      const key = "search"
      yield* Effect.flip(one.execute(failing, { key }))
      yield* Effect.flip(one.execute(failing, { key }))
      const [begun, end] = [yield* Deferred.make<void>(), yield* Deferred.make<void, string>()]
      const probe = yield* Effect.forkChild(
        Effect.flip(
          Effect.retry(
            one.execute(Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(end)), { key }),
            {
              while: (error) => error instanceof CircuitBreaker.CircuitBreakerError,
              schedule: Schedule.spaced("10 millis")
            }
          )
        ),
        { startImmediately: true }
      )
      yield* Deferred.await(begun)
      assert.strictEqual((yield* reasonOf(other.execute(Effect.void, { key })))._tag, "CircuitHalfOpen")
      yield* Deferred.fail(end, "still down")
      assert.strictEqual(yield* Fiber.join(probe), "still down")
      const state = yield* other.state(key)
      assert.isTrue(state._tag === "Open" && state.consecutiveOpenings === 2)
    }))

  it.effect("opens at a rate of failures", () =>
    Effect.gen(function*() {
      const breaker = yield* CircuitBreaker.make({
        tripPolicy: CircuitBreaker.rate({ threshold: 0.5, size: 4 }),
        openDuration: "1 hour"
      })
      const key = "rate"
      for (const work of [Effect.void, failing, Effect.void, failing]) {
        yield* Effect.ignore(breaker.execute(work, { key }))
      }
      assert.strictEqual((yield* breaker.state(key))._tag, "Open")
    }))

  it.effect("has a circuit of its own for each key, on whatever node", () =>
    Effect.gen(function*() {
      const breaker = yield* make
      for (let i = 0; i < 10; i++) yield* breaker.execute(Effect.void, { key: `each:${i}` })
      assert.strictEqual(yield* Redis.exists(Array.from({ length: 10 }, (_, i) => `circuitbreaker:each:${i}`)), 10)
    }))

  it.effect("fails with redisc's error as the cause, and refuses wrong options", () =>
    Effect.gen(function*() {
      const breaker = yield* make
      yield* Redis.set("circuitbreaker:wrong", "x")
      const reason = yield* reasonOf(breaker.state("wrong"))
      assert.isTrue(reason._tag === "CircuitBreakerStoreError" && isRedisError(reason.cause))
      const refused = (options: object) =>
        Effect.map(Effect.flip(Effect.scoped(Layer.build(CircuitBreakerStore.layer(options)))), ({ reason }) =>
          reason._tag)
      assert.strictEqual(yield* refused({ prefix: "{a}" }), "InvalidArgument")
      assert.strictEqual(yield* refused({ probeLease: -1 }), "InvalidArgument")
    }))
})
