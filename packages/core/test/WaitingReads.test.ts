/** Reads that replicas answer wait for those of their shard, as others do for a primary; and what waits for several slots. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as ReadFrom from "../src/ReadFrom.ts"
import * as Redis from "../src/Redis.ts"
import * as Slot from "../src/Slot.ts"
import { connected, connectedTo, start } from "./support/client.ts"
import { shard } from "./support/replicas.ts"
import { advance, keyOfA, keyOfB, keyOfC, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

const leave = (...nodes: ReadonlyArray<ScriptedNode>): void => {
  for (const node of nodes) {
    node.accepts = "none"
    node.drop()
  }
}

const dialed = (...nodes: ReadonlyArray<ScriptedNode>): number =>
  nodes.reduce((sum, node) => sum + node.dialed.length, 0)

describe("reads that insist on replicas", () => {
  it.effect("wait in a room of their own, at no cost, while none can be reached", () =>
    Effect.gen(function*() {
      const { a, b, c, get, service, warm } = yield* shard({ readFrom: "replica" })
      yield* warm()
      leave(b, c)
      yield* settle
      const fibers = yield* Effect.replicateEffect(start(get()), 1000)
      yield* advance("2 seconds")
      const { away, retries, waiting } = yield* service.stats
      assert.strictEqual(waiting, 1000)
      assert.deepStrictEqual(away.map(({ of }) => of), ["the replicas of a:7000"])
      const before = dialed(b, c)
      yield* advance("5 seconds")
      assert.isAtMost(dialed(b, c) - before, 20)
      assert.isAtMost((yield* service.stats).retries - retries, 20)
      assert.strictEqual(yield* get("primary"), "a:7000")
      b.accepts = "all"
      yield* advance("3 seconds")
      for (const fiber of fibers) assert.strictEqual(yield* Fiber.join(fiber), "b:7000")
      assert.strictEqual(a.count("GET bar"), 1)
    }))

  it.effect("pass by while another replica can answer", () =>
    Effect.gen(function*() {
      const { b, c, get, service, warm } = yield* shard({ readFrom: "replica" })
      yield* warm()
      leave(b)
      yield* settle
      for (let n = 0; n < 20; n++) assert.strictEqual(yield* get(), "c:7000")
      assert.deepStrictEqual((yield* service.stats).away, [])
      assert.isAbove(c.count("GET bar"), 19)
    }))

  it.effect("pass by one that refuses, and close no door for others", () =>
    Effect.gen(function*() {
      const { b, c, get, service, warm } = yield* shard({ readFrom: "replica" })
      yield* warm()
      yield* advance("2 seconds")
      while ((yield* get()) !== "c:7000");
      b.on("GET", Reply.error("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."))
      const refused = yield* start(get())
      yield* settle
      assert.deepStrictEqual((yield* service.stats).away, [])
      assert.strictEqual(yield* get(), c.key)
      yield* advance("100 millis")
      assert.strictEqual(yield* Fiber.join(refused), c.key)
    }))

  it.effect("wait where the shard has no replica, until the map has one", () =>
    Effect.gen(function*() {
      const { cluster, run, service } = yield* connectedTo([[0, 16383, "a:7000"]], { readFrom: "replica" })
      const fiber = yield* start(run(Redis.get(keyOfA)))
      yield* advance("5 seconds")
      assert.strictEqual((yield* service.stats).waiting, 1)
      cluster.slots = [[0, 16383, "a:7000", "b:7000"]]
      cluster.node("b:7000").on("GET", Reply.bulk("b:7000"))
      yield* service.refresh
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "b:7000")
    }))

  it.effect("say in their error whom they waited for", () =>
    Effect.gen(function*() {
      const { run } = yield* connectedTo([[0, 16383, "a:7000"]], { readFrom: "replica", commandTimeout: "1 minute" })
      const fiber = yield* start(Effect.flip(run(Redis.get(keyOfA))))
      yield* advance("26 seconds")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["NoNodeForSlot", "NotSent"])
      assert.isAtLeast(error.away!.millis, 24_000)
    }))
})

describe("reads that anybody may answer", () => {
  it.effect.each(["preferReplica", "any", "nearest"] as const)(
    "wait only while nobody can: %s",
    (readFrom) =>
      Effect.gen(function*() {
        const { a, b, c, get, service, warm } = yield* shard({ readFrom })
        yield* warm()
        leave(b, c)
        yield* settle
        assert.strictEqual(yield* get(), "a:7000")
        leave(a)
        yield* settle
        const fibers = yield* Effect.replicateEffect(start(get()), 500)
        yield* advance("3 seconds")
        assert.strictEqual((yield* service.stats).waiting, 500)
        c.accepts = "all"
        yield* advance("3 seconds")
        for (const fiber of fibers) assert.strictEqual(yield* Fiber.join(fiber), "c:7000")
      })
  )
})

/** Another slot of the same node. */
const secondOfA = "{b5}"

const linesOf = (node: ScriptedNode): ReadonlyArray<string> =>
  node.connections.flatMap(({ received }) => received).filter((line) => line.startsWith("SET "))

describe("a pipeline on several slots", () => {
  const sets = (n: number) => [Redis.set(keyOfA, `p${n}`), Redis.set(secondOfA, `p${n}`)]

  it.effect("keeps its place in each of them", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      leave(a)
      yield* settle
      const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
      for (let n = 0; n < 20; n++) {
        fibers.push(yield* start(run(Redis.pipeline(n % 2 === 0 ? sets(n) : sets(n).toReversed()))))
        fibers.push(yield* start(run(Redis.set(secondOfA, `s${n}`))))
        fibers.push(yield* start(run(Redis.set(keyOfA, `s${n}`))))
      }
      yield* advance("2 seconds")
      a.accepts = "all"
      yield* advance("3 seconds")
      yield* Effect.forEach(fibers, Fiber.join)
      const expected = Array.from({ length: 20 }, (_, n) => [`p${n}`, `s${n}`]).flat()
      for (const key of [keyOfA, secondOfA]) {
        const values = linesOf(a).filter((line) => line.startsWith(`SET ${key} `)).map((line) => line.split(" ")[2])
        assert.deepStrictEqual(values, expected)
      }
    }))

  it.effect("lets those behind it go if it is interrupted", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      leave(a)
      yield* settle
      const pipeline = yield* start(run(Redis.pipeline(sets(0))))
      const single = yield* start(run(Redis.set(secondOfA, "s")))
      yield* advance("1 second")
      yield* Fiber.interrupt(pipeline)
      a.accepts = "all"
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(single), "OK")
      assert.deepStrictEqual(linesOf(a), [`SET ${secondOfA} s`])
    }))

  it.effect("does not hold up those of a slot that has moved to a node that is there", () =>
    Effect.gen(function*() {
      const { a, cluster, run, service } = yield* connected()
      leave(a)
      yield* settle
      yield* start(run(Redis.pipeline(sets(0))))
      const single = yield* start(run(Redis.set(secondOfA, "s")))
      yield* advance("1 second")
      const moved = Slot.fromKey(secondOfA)
      cluster.slots = [[0, moved - 1, "a:7000"], [moved, moved, "b:7000"], [moved + 1, 5460, "a:7000"], [
        5461,
        16383,
        "b:7000"
      ]]
      yield* service.refresh
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(single), "OK")
    }))
})

describe("commands that may wait for one shard", () => {
  it.effect("are limited for that shard only", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* connected({ maxWaiting: 10 })
      leave(a, b)
      yield* settle
      const ofA = yield* Effect.replicateEffect(start(run(Redis.get(keyOfA))), 15)
      const ofB = yield* Effect.replicateEffect(start(run(Redis.get(keyOfB))), 10)
      yield* advance("1 second")
      assert.strictEqual(ofA.filter((fiber) => fiber.pollUnsafe() !== undefined).length, 5)
      const error = yield* Effect.flip(Fiber.join(ofA[14]))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Overloaded", "NotSent"])
      assert.strictEqual(ofB.filter((fiber) => fiber.pollUnsafe() !== undefined).length, 0)
      assert.strictEqual(yield* run(Redis.get(keyOfC)), "c:7000")
      yield* Effect.forEach(ofA.slice(0, 3), Fiber.interrupt)
      const later = yield* Effect.replicateEffect(start(run(Redis.get(keyOfA))), 4)
      yield* settle
      assert.strictEqual(later.filter((fiber) => fiber.pollUnsafe() !== undefined).length, 1)
      a.accepts = "all"
      b.accepts = "all"
      yield* advance("3 seconds")
      for (const fiber of [...ofA.slice(3, 10), ...later.slice(0, 3)]) {
        assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
      }
      for (const fiber of ofB) {
        assert.strictEqual(yield* Fiber.join(fiber), "b:7000")
      }
    }))

  it.effect("wait without limit where none is set", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ maxInFlight: 5 })
      a.on("GET", Reply.error("LOADING Redis is loading the dataset in memory"))
      const fibers = yield* Effect.replicateEffect(start(run(Redis.get(keyOfA).pipe(ReadFrom.provide("primary")))), 50)
      yield* advance("1 second")
      assert.isTrue(fibers.every((fiber) => fiber.pollUnsafe() === undefined))
    }))
})
