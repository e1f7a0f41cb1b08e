import { assert, describe, it } from "@effect/vitest"
import { Redis } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"

const onCluster = Effect.provide(FakeCluster.layer({ primaries: 3, replicas: 1 }))

describe("An election", () => {
  it.effect("does not depend on a node that has come back and knows less than the others", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* fake.kill("fake-0")
      yield* TestClock.adjust("2 seconds")
      // Nobody told fake-0 that fake-5 took over from fake-2, and fake-5 is gone before it can.
      yield* fake.failover("fake-5")
      const [slot] = (yield* fake.nodes).find(({ name }) => name === "fake-5")!.slots[0]
      yield* fake.seed({ a: "1", b: "2", c: "3", d: "4" })
      yield* fake.kill("fake-5")
      yield* fake.restart("fake-0")
      assert.strictEqual((yield* fake.ownerOf(slot)).name, "fake-5")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* fake.ownerOf(slot)).name, "fake-2")
      yield* fake.restart("fake-5")
      assert.deepStrictEqual(yield* fake.keys(), ["a", "b", "c", "d"])
      assert.strictEqual((yield* fake.replicasOf("fake-2"))[0].name, "fake-5")
      assert.strictEqual((yield* fake.replicasOf("fake-3"))[0].name, "fake-0")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Redis.dbsize(), 4)
    }).pipe(onCluster))

  it.effect("gives a replica no slots that had left its primary while it was down", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const slot = fake.slotOf("b")
      yield* fake.seed({ b: "1" })
      assert.strictEqual((yield* fake.ownerOf(slot)).name, "fake-0")
      yield* fake.kill("fake-3")
      yield* fake.migrateSlot(slot, "fake-2")
      // The new owner can't tell the replica of it, so the others have to.
      yield* fake.pause("fake-2")
      yield* fake.restart("fake-3")
      yield* fake.failover("fake-3")
      yield* fake.resume("fake-2")
      assert.strictEqual((yield* fake.ownerOf(slot)).name, "fake-2")
      assert.strictEqual(yield* Redis.get("b"), "1")
    }).pipe(onCluster))
})
