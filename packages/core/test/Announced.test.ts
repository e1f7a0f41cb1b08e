/** Addresses that only the cluster has told, and at which nobody can be reached, are said to be such. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import type * as Address from "../src/Address.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import type * as RedisCluster from "../src/RedisCluster.ts"
import { connectedTo, start } from "./support/client.ts"
import { settle } from "./support/scenes.ts"
import type { Slots } from "./support/slotsReply.ts"

const elsewhere: Slots = [[0, 16382, "b:7000"], [16383, 16383, "a:7000"]]

/** A client that was given `a:7000`, where nearly all slots are at `b:7000`. `failure` is what a command fails with. */
const scene = Effect.fnUntraced(function*(options: Partial<RedisCluster.Options> = {}) {
  const { cluster, run } = yield* connectedTo(elsewhere, options)
  const failure = Effect.gen(function*() {
    const getting = yield* start(Effect.flip(run(Redis.get("k").pipe(RedirectPolicy.provide(RedirectPolicy.none)))))
    yield* settle
    yield* TestClock.adjust("6 seconds")
    return (yield* Fiber.join(getting)).message
  })
  return { b: cluster.node("b:7000"), failure, run }
})

const hint = "the cluster announced this address"

describe("an address that the cluster has told", () => {
  it.effect.each(["none", "neither"] as const)(
    "is said to be such if nobody was reached there: accepts %s",
    (accepts) =>
      Effect.gen(function*() {
        const { b, failure } = yield* scene()
        b.accepts = accepts
        const message = yield* failure
        assert.include(message, hint)
        assert.include(message, "addressMap")
      })
  )

  it.effect("is one like any other once somebody was reached there", () =>
    Effect.gen(function*() {
      const { b, failure, run } = yield* scene()
      yield* run(Redis.get("k"))
      b.accepts = "none"
      b.drop()
      assert.notInclude(yield* failure, hint)
    }))

  it.effect("is one like any other if the user gave it, too, or translates addresses", () =>
    Effect.gen(function*() {
      const both: Partial<RedisCluster.Options> = { nodes: ["a:7000", "b:7000"] }
      for (const options of [both, { addressMap: (announced: Address.Address) => announced }]) {
        const { b, failure } = yield* scene(options)
        b.accepts = "none"
        b.drop()
        assert.notInclude(yield* failure, hint)
      }
    }))
})
