/** Numbers of what is made at once: a slip of the pen must not fill the memory. */
import { assert, describe, it } from "@effect/vitest"
import { FakeCluster, FakeRedis, FakeSentinel } from "@redisc/test-utils"
import * as Effect from "effect/Effect"

describe("numbers that are too large are refused", () => {
  const cases: ReadonlyArray<
    readonly [name: string, made: Effect.Effect<unknown, { readonly message: string }, never>]
  > = [
    ["replicas", Effect.scoped(FakeRedis.make({ replicas: 1e9 }))],
    ["databases", Effect.scoped(FakeRedis.make({ databases: 1e9 }))],
    ["primaries", Effect.scoped(FakeCluster.make({ primaries: 1e9 }))],
    ["replicas", Effect.scoped(FakeCluster.make({ replicas: 1e9 }))],
    ["sentinels", Effect.scoped(FakeSentinel.make({ sentinels: 1e9 }))]
  ]
  it.effect.each(cases)("%s", ([name, made]) =>
    Effect.gen(function*() {
      assert.match(
        (yield* Effect.flip(made)).message,
        new RegExp(`${name} is 1000000000: give a whole number of [01] to`)
      )
    }))
})
