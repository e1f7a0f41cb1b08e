/** A clock that is set back. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import * as Address from "../src/Address.ts"
import * as NodePool from "../src/NodePool.ts"
import * as Redis from "../src/Redis.ts"
import { advance, threeNodes } from "./support/scenes.ts"

const hour = 3_600_000

describe("a clock that is set back by an hour", () => {
  it.effect("does not make a pause longer", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(2 * hour)
      const { a, cluster } = threeNodes()
      const pool = yield* cluster.provide(NodePool.make())
      const { dedicated } = pool.node(Address.tcp("a", 7000))
      const get = Effect.scoped(Effect.flatMap(dedicated, (connection) => connection.execute(Redis.get("k"))))
      a.accepts = "none"
      for (let i = 0; i < 5; i++) {
        yield* Effect.exit(get)
        yield* advance("1 second")
      }
      yield* Effect.flip(get)
      yield* TestClock.setTime(hour)
      a.accepts = "all"
      assert.strictEqual(yield* get, "a:7000")
    }))

  it.effect("does not keep credentials that end from being renewed when they are due by that clock", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(2 * hour)
      const { a, cluster } = threeNodes()
      let turn = 0
      const credentials = Effect.sync(() => ({
        password: Redacted.make(`t${++turn}`),
        validFor: "10 minutes" as const
      }))
      const pool = yield* cluster.provide(NodePool.make({ credentials }))
      yield* pool.node(Address.tcp("a", 7000)).execute(Redis.get("k"))
      yield* TestClock.setTime(hour)
      yield* TestClock.adjust(hour + 600_000)
      assert.strictEqual(a.count("AUTH default t2"), 1)
    }))
})
