import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { TurnClock } from "../src/internal/execution/turnClock.ts"

describe("TurnClock", () => {
  it.effect("asks once a turn, and anew in the next", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      const tasks: Array<() => void> = []
      const turn = new TurnClock(clock, (task) => tasks.push(task))
      assert.strictEqual(turn.read(), 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(turn.read(), 0)
      assert.strictEqual(tasks.length, 1)
      for (const task of tasks.splice(0)) task()
      assert.strictEqual(turn.read(), 1000)
      assert.strictEqual(tasks.length, 1)
    }))

  it.effect("asks at once for what has little time", () =>
    Effect.gen(function*() {
      const turn = new TurnClock(yield* Clock.Clock, () => {})
      assert.strictEqual(turn.read(), 0)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(turn.readExactly(), 1000)
    }))

  it.effect("never lags behind the TestClock, which moves between turns", () =>
    Effect.gen(function*() {
      const turn = new TurnClock(yield* Clock.Clock, queueMicrotask)
      for (let now = 0; now < 5000; now += 1000) {
        assert.strictEqual(turn.read(), now)
        yield* TestClock.adjust("1 second")
      }
    }))
})
