import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as PubSub from "../src/PubSub.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import * as Slot from "../src/Slot.ts"
import * as SlotMap from "../src/SlotMap.ts"
import { connected, start } from "./support/client.ts"
import { address, learn } from "./support/learning.ts"
import { advance, keyOfA, settle, slotOfA } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"
import type { Slots } from "./support/slotsReply.ts"

const thirds: Slots = [[0, 5460, "a:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]]

/** As many strangers as there may be, and the three members. */
const most = 32 + 3

const keysOfA = (count: number): ReadonlyArray<string> => {
  const keys: Array<string> = []
  for (let i = 0; keys.length < count; i++) if (Slot.fromKey(`${i}`) <= 5460) keys.push(`${i}`)
  return keys
}

describe("a node that redirects to ever new addresses", () => {
  for (const kind of ["MOVED", "ASK"]) {
    it.effect(`by ${kind} costs a few connections, and the map stays small`, () =>
      Effect.gen(function*() {
        const { a, cluster, run, service } = yield* connected()
        let named = 0
        a.on("GET", ([key]) => Reply.error(`${kind} ${Slot.fromKey(key)} stranger-${named++}:7000`))
        const fiber = yield* start(run(
          Effect.forEach(keysOfA(300), (key) => Effect.ignore(Redis.get(key)), {
            concurrency: "unbounded",
            discard: true
          })
        ))
        const strangers = () => Array.from(cluster.nodes.values()).filter(({ key }) => key.startsWith("stranger"))
        for (let i = 0; i < 3; i++) {
          const before = strangers().reduce((sum, { dialed }) => sum + dialed.length, 0)
          yield* advance("1 second")
          assert.isAtMost(strangers().reduce((sum, { dialed }) => sum + dialed.length, 0) - before, 3 * 32)
          assert.isAtMost((yield* service.topology.current).nodes.size, most)
          assert.isAtMost(strangers().filter(({ live }) => live.length > 0).length, 3 * 32)
          assert.isAtMost((yield* service.stats).nodes.size, most + 2 * 32)
        }
        assert.isAbove(named, 300)
        yield* Fiber.interrupt(fiber)
        a.on("GET", Reply.bulk("a:7000"))
        // What ASK has led to is kept until the map is learnt the next time.
        yield* advance("80 seconds")
        assert.isAtMost(strangers().filter(({ live }) => live.length > 0).length, 0)
        assert.strictEqual((yield* service.topology.current).nodes.size, 3)
        assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
      }))
  }

  it.effect("fails each command in the end with the redirect, once there are too many", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      let named = 0
      a.on("GET", ([key]) => Reply.error(`MOVED ${Slot.fromKey(key)} stranger-${named++}:7000`))
      const fiber = yield* start(run(
        Effect.forEach(keysOfA(100), (key) => Effect.flip(Redis.get(key)), { concurrency: "unbounded" })
      ))
      yield* advance("30 seconds")
      for (const { reason } of yield* Fiber.join(fiber)) assert.include(["Moved", "ServerError"], reason._tag)
    }))
})

describe("the corrections that redirects bring", () => {
  it.effect("give slots to a limited number of nodes that nobody else knows: the oldest gives way", () =>
    Effect.gen(function*() {
      const { topology } = yield* learn(scriptedCluster(thirds), ["a:7000"], { refreshInterval: "Infinity" })
      for (let i = 0; i < 100; i++) yield* topology.patch(i, address(`stranger-${i}:7000`))
      const map = yield* topology.current
      assert.strictEqual(map.nodes.size, most)
      const ownerOf = (slot: number) => SlotMap.shardOf(map, slot)?.primary?.address.key
      assert.deepStrictEqual([0, 67, 68, 99].map(ownerOf), [
        "a:7000",
        "a:7000",
        "stranger-68:7000",
        "stranger-99:7000"
      ])
    }))

  it.effect("to members are not limited", () =>
    Effect.gen(function*() {
      const slots: Slots = Array.from({ length: 64 }, (_, i) => [i * 256, i * 256 + 255, `n${i}:7000`])
      const { topology } = yield* learn(scriptedCluster(slots), ["n0:7000"], { refreshInterval: "Infinity" })
      for (let i = 1; i < 64; i++) yield* topology.patch(i, address(`n${i}:7000`))
      const map = yield* topology.current
      for (let i = 1; i < 64; i++) assert.strictEqual(SlotMap.shardOf(map, i)?.primary?.address.key, `n${i}:7000`)
    }))

  it.effect("to a node that nobody else knows end after some seconds in which it answered nothing", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      const { topology } = yield* learn(cluster, ["a:7000"], { refreshInterval: "Infinity" })
      const own: Slots = [[0, 99, "stranger:7000"], [100, 16383, "a:7000"]]
      cluster.node("stranger:7000").slots = own
      yield* topology.patch(5, address("stranger:7000"))
      yield* advance("3 seconds")
      assert.strictEqual((yield* topology.current).nodes.size, 4)
      yield* advance("15 seconds")
      assert.strictEqual((yield* topology.current).nodes.size, 3)
      yield* topology.patch(5, address("stranger:7000"))
      topology.serves(5, "stranger:7000")
      yield* advance("20 seconds")
      assert.strictEqual((yield* topology.current).nodes.size, 4)
    }))
})

describe("redirects that may only lead to known nodes", () => {
  const moved = (key: string) => Reply.error(`MOVED ${slotOfA} ${key}`)

  it.effect.each(["MOVED", "ASK"])(
    "fail a command that is led elsewhere by %s, and nothing is sent there",
    (kind) =>
      Effect.gen(function*() {
        const { a, cluster, run, service } = yield* connected({ redirectsTo: "knownNodes" })
        a.on("GET", Reply.error(`${kind} ${slotOfA} evil:7000`))
        const error = yield* Effect.flip(run(Redis.get(keyOfA)))
        assert.deepInclude(error.reason, { _tag: "RedirectRefused", address: "evil:7000" })
        assert.deepStrictEqual([error.delivery, error.node, error.attempts], ["Rejected", "a:7000", 1])
        assert.include(error.message, "redirectsTo")
        yield* advance("1 second")
        assert.deepStrictEqual(cluster.node("evil:7000").dialed, [])
        assert.strictEqual((yield* service.topology.current).nodes.size, 3)
      })
  )

  it.effect("are followed to a member, and to one that has joined once the map has it", () =>
    Effect.gen(function*() {
      const { a, cluster, run } = yield* connected({ redirectsTo: "knownNodes" })
      a.once("GET", Reply.error(`MOVED ${Slot.fromKey("3")} b:7000`))
      assert.strictEqual(yield* run(Redis.get("3")), "b:7000")
      cluster.slots = [[0, 5060, "a:7000"], [5061, 5460, "d:7000"], ...thirds.slice(1)]
      cluster.node("d:7000").on("GET", Reply.bulk("d:7000"))
      a.on("GET", moved("d:7000"))
      yield* Effect.flip(run(Redis.get(keyOfA)))
      yield* advance("2 seconds")
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "d:7000")
    }))

  it.effect("lead no subscription elsewhere either: it is told", () =>
    Effect.gen(function*() {
      const { a, cluster, run, service } = yield* connected({ redirectsTo: "knownNodes" })
      a.on("SSUBSCRIBE", moved("evil:7000"))
      const told: Array<string> = []
      yield* start(Stream.runForEach(service.failures, ({ error }) => Effect.sync(() => told.push(error.reason._tag))))
      const listener = yield* start(run(Effect.scoped(Stream.runDrain(PubSub.ssubscribe([keyOfA])))))
      yield* settle
      yield* advance("1 second")
      assert.include(told, "RedirectRefused")
      assert.deepStrictEqual(cluster.node("evil:7000").dialed, [])
      yield* Fiber.interrupt(listener)
    }))

  it.effect("may be left to the policy that follows none", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ redirectsTo: "knownNodes", redirects: RedirectPolicy.none })
      a.on("GET", moved("evil:7000"))
      assert.strictEqual((yield* Effect.flip(run(Redis.get(keyOfA)))).reason._tag, "Moved")
    }))

  it.effect("is no stranger if its address is translated to that of a member", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({
        redirectsTo: "knownNodes",
        addressMap: (announced) => announced.key === "inside:1" ? address("b:7000") : announced
      })
      a.on("GET", Reply.error(`MOVED ${slotOfA} inside:1`))
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "b:7000")
    }))

  it.effect("are a setting, which is checked", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(connected({ redirectsTo: "knownNode" as "knownNodes" }))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.include(error.message, `did you mean "knownNodes"?`)
    }))
})
