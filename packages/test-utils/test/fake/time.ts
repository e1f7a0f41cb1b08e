/** How tests of the cluster in memory let time pass by the test clock. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"

/** Lets what the nodes have been sent arrive, and be answered. */
export const turn = Effect.callback<void>((resume) => {
  setImmediate(() => setImmediate(() => resume(Effect.void)))
})

/** Runs an effect, and lets time pass until it is done. */
export const inTime = Effect.fnUntraced(function*<A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
  while (fiber.pollUnsafe() === undefined) {
    yield* turn
    if (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("10 millis")
  }
  return yield* Fiber.join(fiber)
})
