import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Slot from "../src/Slot.ts"
import * as SlotMap from "../src/SlotMap.ts"
import { start } from "./support/client.ts"
import { advance, keyOfA, settle, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"
import type { Slots } from "./support/slotsReply.ts"
import {
  asked,
  brief,
  confirmation,
  confirms,
  gapsOf,
  give,
  lineTo,
  message,
  smessage,
  spanOf,
  subscriber
} from "./support/subscribers.ts"

const room = { shardChannels: [keyOfA] }
/** Another key of the slot of {@link keyOfA}. */
const siblingOfA = `{${keyOfA}}2`
/** One of another slot of the same node. */
const otherOfA = Array.from({ length: 100 }, (_, i) => `other ${i}`).find((key) => Slot.fromKey(key) < slotOfA)!

const moved = (to: string, slot = slotOfA) => Reply.error(`MOVED ${slot} ${to}`)

describe("a sharded subscription that is sent elsewhere by MOVED", () => {
  it.effect("follows at once, and the map notes it (trap 6)", () =>
    Effect.gen(function*() {
      const { a, b, cluster, hear, service } = yield* subscriber()
      for (const node of cluster.nodes.values()) node.on("CLUSTER SLOTS", "hold")
      a.on("SSUBSCRIBE", moved("b:7000"))
      const { events } = yield* hear(room)
      lineTo(b).send(smessage(keyOfA, "1"))
      yield* settle
      assert.deepStrictEqual(brief(events), ["Subscribed", "1"])
      assert.deepStrictEqual(asked(a), ["SSUBSCRIBE bar"])
      assert.deepStrictEqual(a.live.filter(({ received }) => received.includes("SSUBSCRIBE bar")), [])
      assert.strictEqual(SlotMap.shardOf(yield* service.topology.current, slotOfA)?.primary?.address.key, "b:7000")
    }))

  it.effect("takes along all of its slot, and nobody else", () =>
    Effect.gen(function*() {
      const { a, b, hear } = yield* subscriber()
      a.on("SSUBSCRIBE", (names) =>
        names.includes(keyOfA) ? moved("b:7000") : names.map((name) => confirmation("ssubscribe", name)))
      const { events } = yield* hear({ shardChannels: [keyOfA, otherOfA, siblingOfA] })
      assert.strictEqual(events.length, 3)
      assert.deepStrictEqual(asked(a), [`SSUBSCRIBE ${keyOfA} ${siblingOfA}`, `SSUBSCRIBE ${otherOfA}`])
      assert.deepStrictEqual(asked(b), [`SSUBSCRIBE ${keyOfA} ${siblingOfA}`])
    }))

  it.effect("to a node that nobody knew goes there", () =>
    Effect.gen(function*() {
      const { a, cluster, hear } = yield* subscriber()
      const d = confirms(cluster.node("d:7000"))
      a.on("SSUBSCRIBE", moved("d:7000"))
      const { events } = yield* hear(room)
      assert.deepStrictEqual(brief(events), ["Subscribed"])
      assert.deepStrictEqual(asked(d), ["SSUBSCRIBE bar"])
    }))

  it.effect("to and fro, by nodes that don't agree, takes its time (trap 9)", () =>
    Effect.gen(function*() {
      const { a, b, cluster, hear } = yield* subscriber()
      a.on("SSUBSCRIBE", moved("b:7000"))
      b.on("SSUBSCRIBE", moved("a:7000"))
      const fiber = yield* start(hear(room))
      yield* advance("5 seconds")
      const tries = a.count("SSUBSCRIBE bar") + b.count("SSUBSCRIBE bar")
      assert.isAtLeast(tries, 10)
      assert.isAtMost(tries, 120)
      give(cluster, "a:7000", "b:7000")
      confirms(b)
      yield* advance("1 second")
      assert.deepStrictEqual(brief((yield* Fiber.join(fiber)).events), ["Subscribed"])
    }))

  it.effect.each(["a:7000", "?:0"])(
    "to where it is, or to nobody, asks again after a pause: %s (traps 8, 16)",
    (to) =>
      Effect.gen(function*() {
        const { a, hear, service } = yield* subscriber()
        a.on("SSUBSCRIBE", moved(to))
        const before = service.topology.refreshes()
        const fiber = yield* start(hear(room))
        yield* advance("2 seconds")
        assert.isAtLeast(service.topology.refreshes(), before + 1)
        assert.isAtLeast(a.count("SSUBSCRIBE bar"), 5)
        assert.isAtMost(a.count("SSUBSCRIBE bar"), 40)
        confirms(a)
        yield* advance("1 second")
        yield* Fiber.join(fiber)
      })
  )
})

describe("a slot that moves", () => {
  it.effect("is told by the server, which ends the subscription itself; it goes on at the new owner (trap 41)", () =>
    Effect.gen(function*() {
      const { a, b, cluster, hear } = yield* subscriber()
      const { events } = yield* hear({ shardChannels: [keyOfA, otherOfA] })
      yield* advance("10 seconds")
      for (const node of cluster.nodes.values()) node.on("CLUSTER SLOTS", "hold")
      a.on("SSUBSCRIBE", moved("b:7000"))
      lineTo(a).send(confirmation("sunsubscribe", keyOfA, 1))
      yield* settle
      lineTo(a).send(smessage(otherOfA, "stayed"))
      lineTo(b).send(smessage(keyOfA, "moved"))
      yield* settle
      assert.deepStrictEqual(brief(events).slice(2), [
        "Unsubscribed",
        "Moved b:7000",
        "Gap Moved",
        "Subscribed",
        "stayed",
        "moved"
      ])
      assert.deepStrictEqual(asked(a), [`SSUBSCRIBE ${keyOfA}`, `SSUBSCRIBE ${otherOfA}`, `SSUBSCRIBE ${keyOfA}`])
      assert.deepStrictEqual(asked(b), [`SSUBSCRIBE ${keyOfA}`])
    }))

  it.effect("makes a gap that begins when the owner was last known, as the new one may have had messages before (trap 42)", () =>
    Effect.gen(function*() {
      const { a, hear, service } = yield* subscriber({ refreshInterval: "Infinity" })
      yield* advance("5 seconds")
      const { events } = yield* hear(room)
      const move = (to: string, from: ScriptedNode) =>
        Effect.gen(function*() {
          from.on("SSUBSCRIBE", moved(to))
          lineTo(from).send(confirmation("sunsubscribe", keyOfA, 0))
          yield* settle
          confirms(from)
        })
      yield* advance("2 seconds")
      yield* service.refresh
      yield* advance("3 seconds")
      yield* move("b:7000", a)
      assert.deepStrictEqual(gapsOf(events).map(spanOf), [[7000, 10_000]])
    }))

  it.effect("is noticed by the map where the server says nothing", () =>
    Effect.gen(function*() {
      const { a, b, cluster, hear, service } = yield* subscriber()
      const stays = Array.from({ length: 1000 }, (_, i) => `stays ${i}`)
        .find((key) => Slot.fromKey(key) > slotOfA && Slot.fromKey(key) <= 5460)!
      const { events } = yield* hear({ shardChannels: [keyOfA, siblingOfA, otherOfA, stays] })
      b.on("SSUBSCRIBE", "hold")
      cluster.slots = [[0, slotOfA, "b:7000"], [slotOfA + 1, 5460, "a:7000"], ...cluster.slots.slice(1)]
      yield* service.refresh
      yield* settle
      // One command for each slot, at the new owner (trap 40).
      assert.deepStrictEqual(asked(b), [`SSUBSCRIBE ${keyOfA} ${siblingOfA}`, `SSUBSCRIBE ${otherOfA}`])
      assert.deepStrictEqual(asked(a).slice(-3), [keyOfA, siblingOfA, otherOfA].map((name) => `SUNSUBSCRIBE ${name}`))
      const line = lineTo(a)
      line.send(smessage(keyOfA, "at the old, too late"))
      line.send(smessage(stays, "still there"))
      lineTo(b).release([confirmation("ssubscribe", keyOfA), confirmation("ssubscribe", siblingOfA)])
      lineTo(b).send(smessage(keyOfA, "at the new"))
      yield* settle
      assert.deepStrictEqual(brief(events).slice(4), [
        "Unsubscribed",
        "Unsubscribed",
        "Unsubscribed",
        "still there",
        "Moved b:7000",
        "Gap Moved",
        "Subscribed",
        "Moved b:7000",
        "Gap Moved",
        "Subscribed",
        "at the new"
      ])
      assert.isTrue(line.open)
    }))

  it.effect("and back before that is confirmed is a gap, and no move", () =>
    Effect.gen(function*() {
      const { a, b, cluster, hear, service } = yield* subscriber()
      const { events } = yield* hear(room)
      b.on("SSUBSCRIBE", "hold")
      give(cluster, "a:7000", "b:7000")
      yield* service.refresh
      yield* settle
      assert.deepStrictEqual(asked(b), ["SSUBSCRIBE bar"])
      const line = lineTo(b)
      cluster.slots = [[0, 10922, "a:7000"], [10923, 16383, "c:7000"]]
      yield* service.refresh
      yield* settle
      lineTo(a).send(smessage(keyOfA, "1"))
      yield* settle
      assert.deepStrictEqual(brief(events), ["Subscribed", "Unsubscribed", "Gap Moved", "Subscribed", "1"])
      assert.isFalse(line.open)
    }))

  it.effect("with a primary that dies goes on at the replica that takes its place", () =>
    Effect.gen(function*() {
      const { a, cluster, hear } = yield* subscriber()
      const d = confirms(cluster.node("d:7000"))
      const { events } = yield* hear(room)
      yield* advance("2 seconds")
      a.accepts = "none"
      a.drop()
      yield* advance("3 seconds")
      assert.deepStrictEqual(brief(events), ["Subscribed", "Unsubscribed"])
      give(cluster, "a:7000", "d:7000")
      yield* advance("2 seconds")
      assert.deepStrictEqual(brief(events).slice(2), ["Moved d:7000", "Gap ConnectionLost", "Subscribed"])
      assert.deepStrictEqual(asked(d), ["SSUBSCRIBE bar"])
      const { length } = a.dialed
      yield* advance("1 minute")
      assert.strictEqual(a.dialed.length, length)
    }))

  it.effect("to nobody keeps what it has, and is looked for until somebody has it", () =>
    Effect.gen(function*() {
      const { a, b, cluster, hear, service } = yield* subscriber()
      const { events } = yield* hear(room)
      const { slots } = cluster
      cluster.slots = slots.slice(1)
      yield* service.refresh
      yield* settle
      const late = yield* start(hear({ shardChannels: [siblingOfA] }))
      yield* advance("3 seconds")
      assert.deepStrictEqual(brief(events), ["Subscribed"])
      assert.isUndefined(late.pollUnsafe())
      cluster.slots = [[0, 5460, "b:7000"], ...slots.slice(1)]
      yield* advance("2 seconds")
      assert.deepStrictEqual(brief((yield* Fiber.join(late)).events), ["Subscribed"])
      assert.deepStrictEqual(brief(events), ["Subscribed", "Unsubscribed", "Moved b:7000", "Gap Moved", "Subscribed"])
      assert.deepStrictEqual(asked(b).length, 1)
      assert.deepStrictEqual(asked(a).slice(-1), ["SSUBSCRIBE bar"])
    }))
})

describe("a cluster that is down for a while", () => {
  it.effect.each(["CLUSTERDOWN The cluster is down", "CLUSTERDOWN Hash slot not served", "TRYAGAIN Later"])(
    "is asked again until it is up: %s",
    (problem) =>
      Effect.gen(function*() {
        const { a, hear } = yield* subscriber()
        a.on("SSUBSCRIBE", Reply.error(problem))
        const names = [keyOfA, siblingOfA, otherOfA]
        const fiber = yield* start(hear({ shardChannels: names }))
        yield* advance("3 seconds")
        assert.isAtLeast(a.count(`SSUBSCRIBE ${otherOfA}`), 10)
        assert.isAtMost(a.count(`SSUBSCRIBE ${otherOfA}`), 40)
        confirms(a)
        yield* advance("200 millis")
        const { events } = yield* Fiber.join(fiber)
        assert.deepStrictEqual(brief(events), names.map(() => "Subscribed"))
      })
  )

  it.effect("ends nothing that is there, and gives back what it has ended (trap 41)", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events } = yield* hear({ channels: ["news"], shardChannels: [keyOfA] })
      a.on("SSUBSCRIBE", Reply.error("CLUSTERDOWN The cluster is down"))
      lineTo(a).send(confirmation("sunsubscribe", keyOfA, 0))
      yield* advance("3 seconds")
      lineTo(a).send(message("news", "1"))
      confirms(a)
      yield* advance("1 second")
      assert.deepStrictEqual(brief(events).slice(2), ["Unsubscribed", "1", "Gap Moved", "Subscribed"])
    }))
})

const alone: Slots = [[0, 5460, "a:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]]
const withReplicas: Slots = [[0, 8191, "a:7000", "d:7000", "e:7000"], [8192, 16383, "b:7000", "f:7000", "c:7000"]]

describe("while nobody can be reached", () => {
  it.effect.each<[ReadonlyArray<string>, Slots]>([
    [["a:7000", "b:7000", "c:7000"], alone],
    [["a:7000", "b:7000", "c:7000", "d:7000", "e:7000", "f:7000"], withReplicas]
  ])(
    "the nodes of a channel are tried after pauses, and the first that is back has it: %j",
    ([keys, slots]) =>
      Effect.gen(function*() {
        const { cluster, hear } = yield* subscriber({ slots })
        const nodes = keys.map((key) => cluster.node(key))
        for (const node of nodes) {
          node.accepts = "none"
          node.drop()
        }
        const listening = yield* start(hear({ channels: ["news"] }))
        yield* advance("1 second")
        const dialed = () => nodes.reduce((sum, node) => sum + node.dialed.length, 0)
        const before = dialed()
        yield* advance("5 seconds")
        // Ten tries a second by the subscription, and about one of each primary by the commands.
        assert.isBelow(dialed() - before, 80)
        assert.isUndefined(listening.pollUnsafe())
        nodes[1].accepts = "all"
        yield* advance("3 seconds")
        assert.deepStrictEqual(brief((yield* Fiber.join(listening)).events), ["Subscribed"])
        assert.include(asked(nodes[1]), "SUBSCRIBE news")
      })
  )
})
