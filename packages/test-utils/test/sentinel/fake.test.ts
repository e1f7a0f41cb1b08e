import { describe, it } from "@effect/vitest"
import { FakeSentinel } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { Group } from "./Group.ts"
import type { Start } from "./Group.ts"
import { scenarios } from "./scenarios.ts"

const start: Start = (options) =>
  Effect.map(FakeSentinel.make(options), ({ connector, service }) => Group.of({ ...service, connector }))

/** Lets time pass until an effect is done, at most ten minutes. */
const inNoTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    for (let step = 0; step < 60_000 && fiber.pollUnsafe() === undefined; step++) yield* TestClock.adjust("10 millis")
    return yield* Fiber.join(fiber)
  })

for (const hurried of [false, true]) {
  describe(`a Sentinel group in memory${hurried ? ", whose sentinels are in a hurry" : ""}`, () => {
    for (const { name, options = { replicas: 2 }, run } of scenarios) {
      it.effect(
        name,
        () => inNoTime(Effect.provideServiceEffect(run, Group, start({ ...options, hurried })))
      )
    }
  })
}
