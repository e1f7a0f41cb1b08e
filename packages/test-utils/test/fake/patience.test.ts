/** A great many commands wait for a dead shard of the cluster in memory, by the test clock: that costs memory only. */
import { assert, describe, it } from "@effect/vitest"
import { RedirectPolicy, Redis, RedisCluster } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"

/** By hand `WAITING=1000000 MINUTES=60`, with `NODE_OPTIONS=--max-old-space-size=8000`; it prints what that costs. */
const count = Number(process.env.WAITING ?? 20_000)
const minutes = Number(process.env.MINUTES ?? 5)

const { log } = console

describe("a dead shard", () => {
  it.effect("is waited for by a great many, for long", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const { stats } = yield* RedisCluster.RedisCluster
      yield* Redis.set("bar", "0")
      yield* fake.kill("fake-0")
      const before = process.memoryUsage().heapUsed
      const begun = performance.now()
      const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
      for (let n = 0; n < count; n++) {
        fibers.push(yield* Effect.forkChild(Redis.incr("bar"), { startImmediately: true }))
      }
      const waiting = performance.now()
      yield* TestClock.adjust(`${minutes} minutes`)
      const waited = performance.now()
      const during = yield* stats
      assert.strictEqual(during.waiting, count)
      const bytes = (process.memoryUsage().heapUsed - before) / count
      yield* fake.restart("fake-0")
      yield* TestClock.adjust("10 seconds")
      for (const fiber of fibers) yield* Fiber.join(fiber)
      const left = performance.now()
      if (process.env.WAITING !== undefined) {
        log({ count, bytes, entering: waiting - begun, waiting: waited - waiting, leaving: left - waited })
      }
      assert.strictEqual(yield* Redis.get("bar"), `${count}`)
    }).pipe(Effect.provide(FakeCluster.layer({
      primaries: 3,
      client: { commandTimeout: "1 day", redirects: RedirectPolicy.make(Schedule.forever, { within: "1 day" }) }
    }))), 600_000)
})
