import { assert, describe, it } from "@effect/vitest"
import { Keyspace } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { TestClock } from "effect/testing"
import { suite } from "./suite.ts"

suite("in memory", FakeCluster.layer({ primaries: 3 }))

const user = Keyspace.name("user:{<id>}")

describe("a declared time to live", () => {
  it.effect("begins anew with each write, and with nothing else", () =>
    Effect.gen(function*() {
      const cart = Keyspace.record(user.name("cart"), { value: Schema.FiniteFromString, ex: "10 seconds" })
      const ada = { id: "ada" }
      yield* cart.hset(ada, { apple: 1, pear: 1 })
      yield* TestClock.adjust("9 seconds")
      yield* cart.hincrby(ada, "apple", 1)
      yield* TestClock.adjust("9 seconds")
      yield* cart.hdel(ada, ["pear"])
      assert.deepStrictEqual({ ...yield* cart.hgetall(ada) }, { apple: 2 })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* cart.hgetall(ada), null)
    }).pipe(Effect.provide(FakeCluster.layer())))

  it.effect("stays with a key when its slot moves, and when a node has forgotten the script", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const tags = Keyspace.set(user.name("tags"), { member: Schema.String, ex: "10 seconds" })
      yield* tags.sadd({ id: "ada" }, ["a"])
      const slot = fake.slotOf("{ada}")
      const { name } = yield* fake.ownerOf(slot)
      yield* fake.migrateSlot(slot, name === "fake-0" ? "fake-1" : "fake-0")
      assert.strictEqual(yield* tags.pttl({ id: "ada" }), 10_000)
      assert.strictEqual(yield* tags.sadd({ id: "ada" }, ["b"]), 1)
      assert.deepStrictEqual(yield* tags.smembers({ id: "ada" }), ["a", "b"])
    }).pipe(Effect.provide(FakeCluster.layer())))
})
