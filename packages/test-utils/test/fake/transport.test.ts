import { assert, describe, it } from "@effect/vitest"
import { Redis } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { Timers } from "../../src/fake/session/timers.ts"

/** Time for bytes to go there and back, at one time of the Clock. */
const settled = Effect.repeat(Effect.promise(() => new Promise((resolve) => setImmediate(resolve))), { times: 5 })

describe("The simulated network", () => {
  // 16.3 + (58.1 - 16.3) is a little less than 58.1.
  it.effect("keeps replies in order at times that can't be added without a rounding error", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* Redis.set("a", "text")
      yield* fake.latency("fake-0", 58)
      yield* TestClock.adjust(0.1)
      const text = yield* Effect.forkChild(Redis.get("a"), { startImmediately: true })
      yield* settled
      yield* TestClock.adjust(16.2)
      yield* fake.latency("fake-0", 0)
      const number = yield* Effect.forkChild(Redis.incr("b"), { startImmediately: true })
      yield* settled
      yield* TestClock.adjust(100)
      yield* settled
      assert.strictEqual(yield* Fiber.join(text), "text")
      assert.strictEqual(yield* Fiber.join(number), 1)
    }).pipe(Effect.provide(FakeCluster.layer({ primaries: 1 }))))
})

describe("Timers", () => {
  it.effect("run what is due at once a little later, and never inside the call", () =>
    Effect.gen(function*() {
      const timers = new Timers(Effect.runForkWith(yield* Effect.context()))
      const ran: Array<string> = []
      timers.after(0, () => ran.push("one"))
      timers.after(0, () => ran.push("called off"))()
      assert.deepStrictEqual(ran, [])
      yield* Effect.promise(() => Promise.resolve())
      assert.deepStrictEqual(ran, ["one"])
      timers.after(0, () => ran.push("too late"))
      timers.close()
      yield* Effect.promise(() => Promise.resolve())
      assert.deepStrictEqual(ran, ["one"])
    }))
})
