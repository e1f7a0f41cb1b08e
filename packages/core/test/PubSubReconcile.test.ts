import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redis from "../src/Redis.ts"
import * as Slot from "../src/Slot.ts"
import { start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, keyOfC, settle, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
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
  messagesOf,
  smessage,
  spanOf,
  subscriber
} from "./support/subscribers.ts"

const news = { channels: ["news"] }
const room = { shardChannels: [keyOfA] }
/** A key of another slot of the node of {@link keyOfA}. */
const otherOfA = Array.from({ length: 100 }, (_, i) => `other ${i}`).find((key) => Slot.fromKey(key) < slotOfA)!

const moved = (to: string, slot = slotOfA) => Reply.error(`MOVED ${slot} ${to}`)
const lost = ["Unsubscribed", "Gap ConnectionLost", "Subscribed"]

describe("a connection that is lost", () => {
  it.effect("comes back with all that is wanted, and says from when to when something may be missing (traps 41, 42)", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events } = yield* hear({ channels: ["news"], patterns: ["n*"], shardChannels: [keyOfA, otherOfA] })
      yield* advance("10400 millis")
      events.length = 0
      a.once("HELLO", "hold")
      lineTo(a).drop()
      yield* advance("600 millis")
      assert.deepStrictEqual(brief(events), Array.from({ length: 4 }, () => "Unsubscribed"))
      a.live.at(-1)!.release(Reply.map([]))
      yield* settle
      assert.deepStrictEqual(brief(events).slice(4), Array.from({ length: 4 }, () => lost.slice(1)).flat())
      for (const gap of gapsOf(events)) {
        // The last sign of life was asked for at 10 s. What other nodes pass on may have been on its way for a second.
        assert.deepStrictEqual(spanOf(gap), [gap.kind === "shard" ? 10_000 : 9000, 11_000])
        assert.deepStrictEqual([gap.node, gap.missed], ["a:7000", undefined])
      }
      assert.deepStrictEqual(gapsOf(events).map(({ kind, name }) => `${kind} ${name}`), [
        "channel news",
        "pattern n*",
        `shard ${keyOfA}`,
        `shard ${otherOfA}`
      ])
      const again = asked(a).slice(4)
      assert.deepStrictEqual(again, [
        "SUBSCRIBE news",
        "PSUBSCRIBE n*",
        `SSUBSCRIBE ${keyOfA}`,
        `SSUBSCRIBE ${otherOfA}`
      ])
      lineTo(a).send(message("news", "1"))
      yield* settle
      assert.deepStrictEqual(messagesOf(events), ["1"])
    }))

  it.effect("tells why, and where", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events } = yield* hear(news)
      yield* advance("2 seconds")
      lineTo(a).drop("it was the cat")
      yield* settle
      assert.deepStrictEqual(events[1], {
        _tag: "Unsubscribed",
        kind: "channel",
        name: "news",
        node: "a:7000",
        problem: "the connection was lost: it was the cat"
      })
    }))

  it.effect("may have had more on its way: the gap begins when the last was sent that was certainly read (trap 42)", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events } = yield* hear(news)
      a.delay = 700
      yield* advance("3500 millis")
      // The answer to the PING of 3 s is not there yet, so what was sent before that may not be there either. What other nodes
      // have passed on may have been on its way for a second.
      lineTo(a).send(message("news", "sent long ago"))
      lineTo(a).drop()
      yield* advance("5 seconds")
      const [[from, until]] = gapsOf(events).map(spanOf)
      assert.strictEqual(from, 1000)
      assert.isAtLeast(until, 4900)
    }))

  it.effect("is found out by silence", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber({ pingInterval: "2 seconds" })
      const { events } = yield* hear(room)
      yield* advance("5500 millis")
      a.frozen = true
      yield* advance("5 seconds")
      assert.deepStrictEqual(brief(events), ["Subscribed", "Unsubscribed"])
      a.frozen = false
      yield* advance("7 seconds")
      assert.deepStrictEqual(brief(events), ["Subscribed", ...lost])
      const [[from, until]] = gapsOf(events).map(spanOf)
      assert.strictEqual(from, 5000)
      assert.isAbove(until, 10_500)
    }))

  it.effect("loses nothing of what was still to be confirmed", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      a.on("SUBSCRIBE", "hold")
      const pending = yield* start(hear(news))
      yield* advance("2 seconds")
      confirms(a)
      lineTo(a).drop()
      const { events } = yield* Fiber.join(pending)
      assert.deepStrictEqual(brief(events), ["Subscribed"])
    }))

  it.effect("does not bring back what was left meanwhile", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      yield* hear({ shardChannels: [otherOfA] })
      const { leave } = yield* hear(room)
      yield* advance("2 seconds")
      a.accepts = "none"
      lineTo(a).drop()
      yield* settle
      yield* leave
      a.accepts = "all"
      yield* advance("3 seconds")
      assert.deepStrictEqual(asked(a).slice(-1), [`SSUBSCRIBE ${otherOfA}`])
      assert.strictEqual(a.count(`SSUBSCRIBE ${keyOfA}`), 1)
      assert.strictEqual(a.count(`SUNSUBSCRIBE ${keyOfA}`), 0)
    }))

  it.effect("is no gap to those who begin to listen while it is lost", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const before = yield* hear(room)
      yield* advance("2 seconds")
      a.accepts = "none"
      lineTo(a).drop()
      yield* settle
      const during = yield* start(hear(room))
      a.accepts = "all"
      yield* advance("3 seconds")
      assert.deepStrictEqual(brief((yield* Fiber.join(during)).events), ["Subscribed"])
      assert.deepStrictEqual(brief(before.events), ["Subscribed", ...lost])
    }))

  it.effect("again and again is called for after pauses, and each time is told", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events } = yield* hear(room)
      const before = a.dialed.length
      for (let i = 0; i < 200; i++) {
        for (const line of a.live) if (line.received.some((each) => each.startsWith("SSUBSCRIBE"))) line.drop()
        yield* advance(50)
      }
      assert.isAtMost(a.dialed.length - before, 30)
      yield* advance("2 seconds")
      const told = brief(events).slice(1)
      assert.isAtLeast(told.length, 15)
      assert.deepStrictEqual(told, Array.from({ length: told.length / 3 }, () => lost).flat())
    }))
})

describe("classic subscriptions", () => {
  it.effect("are all at one node", () =>
    Effect.gen(function*() {
      const { a, b, c, hear } = yield* subscriber()
      for (let i = 0; i < 5; i++) yield* hear({ channels: [`c${i}`], patterns: [`p${i}`] })
      assert.deepStrictEqual([b, c].flatMap(asked), [])
      assert.strictEqual(asked(a).length, 10)
    }))

  it.effect("go to another when theirs can't be reached, and stay there", () =>
    Effect.gen(function*() {
      const { a, c, hear } = yield* subscriber()
      const { events } = yield* hear({ channels: ["news"], patterns: ["n*"] })
      yield* advance("2 seconds")
      a.accepts = "none"
      lineTo(a).drop()
      yield* advance("1 second")
      assert.deepStrictEqual(asked(c), ["SUBSCRIBE news", "PSUBSCRIBE n*"])
      assert.deepStrictEqual(brief(events).slice(2), [
        "Unsubscribed",
        "Unsubscribed",
        "Moved c:7000",
        "Gap ConnectionLost",
        "Subscribed",
        "Moved c:7000",
        "Gap ConnectionLost",
        "Subscribed"
      ])
      assert.deepStrictEqual(events[4], { _tag: "Moved", kind: "channel", name: "news", from: "a:7000", to: "c:7000" })
      assert.deepStrictEqual(gapsOf(events)[0].node, "a:7000")
      a.accepts = "all"
      yield* advance("10 seconds")
      lineTo(c).send(message("news", "1"))
      yield* settle
      assert.deepStrictEqual(messagesOf(events), ["1"])
      assert.deepStrictEqual(asked(a).length, 2)
    }))

  it.effect("pass by nodes that are known to be down", () =>
    Effect.gen(function*() {
      const { a, b, c, hear, run } = yield* subscriber()
      const { events } = yield* hear(news)
      yield* run(Redis.get(keyOfB))
      yield* advance("2 seconds")
      for (const node of [a, b]) {
        node.accepts = "none"
        node.drop()
      }
      yield* advance("1 second")
      assert.deepStrictEqual(asked(c), ["SUBSCRIBE news"])
      assert.deepStrictEqual(brief(events).slice(-3), ["Moved c:7000", "Gap ConnectionLost", "Subscribed"])
    }))

  it.effect("leave a node that the cluster has removed, and leave nothing behind there", () =>
    Effect.gen(function*() {
      const { a, c, cluster, hear, service } = yield* subscriber()
      const { events } = yield* hear(news)
      yield* advance("5400 millis")
      c.on("SUBSCRIBE", "hold")
      const line = lineTo(a)
      give(cluster, "a:7000", "b:7000")
      yield* service.refresh
      yield* settle
      line.send(message("news", "too late"))
      yield* advance("1 second")
      assert.deepStrictEqual(brief(events), ["Subscribed", "Unsubscribed"])
      assert.isFalse(line.open)
      lineTo(c).release(confirmation("subscribe", "news"))
      lineTo(c).send(message("news", "1"))
      yield* settle
      assert.deepStrictEqual(brief(events).slice(2), ["Moved c:7000", "Gap Moved", "Subscribed", "1"])
      assert.deepStrictEqual(gapsOf(events).map(spanOf), [[4000, 6400]])
      assert.strictEqual(gapsOf(events)[0].node, "a:7000")
      const { length } = a.dialed
      yield* advance("1 minute")
      assert.strictEqual(a.dialed.length, length)
    }))

  it.effect("leave a node that is lost just then, and don't come back to it", () =>
    Effect.gen(function*() {
      const { a, c, cluster, hear, service } = yield* subscriber()
      const { events, leave } = yield* hear(news)
      yield* advance("2 seconds")
      c.on("SUBSCRIBE", "hold")
      give(cluster, "a:7000", "b:7000")
      a.accepts = "none"
      a.drop()
      yield* service.refresh
      yield* settle
      lineTo(c).release(confirmation("subscribe", "news"))
      yield* settle
      assert.deepStrictEqual(brief(events).slice(1), [
        "Unsubscribed",
        "Moved c:7000",
        "Gap ConnectionLost",
        "Subscribed"
      ])
      const { length } = a.dialed
      yield* advance("1 minute")
      assert.strictEqual(a.dialed.length, length)
      yield* leave
      assert.deepStrictEqual(c.live.filter(({ received }) => received.includes("SUBSCRIBE news")), [])
    }))
})

describe("another node that is lost", () => {
  it.effect("is noticed by a program that only subscribes, since it stays connected to all primaries (trap 42)", () =>
    Effect.gen(function*() {
      const { b, c, hear } = yield* subscriber()
      const { events } = yield* hear({ channels: ["news"] })
      yield* advance("2 seconds")
      events.length = 0
      for (const node of [b, c]) {
        node.accepts = "none"
        node.drop()
      }
      yield* advance("1 second")
      assert.deepStrictEqual(
        new Set(gapsOf(events).map(({ cause, node }) => `${cause} ${node}`)),
        new Set([
          "NodeLost b:7000",
          "NodeLost c:7000"
        ])
      )
    }))

  it.effect("makes a gap that begins where the node that is heard has answered last, since it may be busy", () =>
    Effect.gen(function*() {
      const { a, b, hear, run } = yield* subscriber()
      const { events } = yield* hear({ channels: ["news"] })
      yield* advance("3 seconds")
      const busySince = yield* Clock.currentTimeMillis
      a.frozen = true
      for (let second = 0; second < 3; second++) {
        yield* run(Redis.get(keyOfB))
        yield* advance("1 second")
      }
      events.length = 0
      b.drop()
      yield* settle
      const [gap] = gapsOf(events)
      assert.strictEqual(gap.cause, "NodeLost")
      assert.isAtMost(spanOf(gap)[0], busySince)
    }))

  it.effect("makes a gap in what is heard of the whole cluster, told once (trap 42)", () =>
    Effect.gen(function*() {
      const { b, hear, run } = yield* subscriber({ connectionsPerNode: 3 })
      const { events } = yield* hear({ channels: ["news"], patterns: ["n*"], shardChannels: [keyOfA, keyOfC] })
      yield* Effect.forEach([keyOfB, `${keyOfB}2`, "b3"], (key) => Effect.exit(run(Redis.get(key))))
      yield* advance("2 seconds")
      events.length = 0
      b.accepts = "none"
      b.drop()
      yield* advance("5 seconds")
      assert.deepStrictEqual(brief(events), ["Gap NodeLost", "Gap NodeLost"])
      assert.deepStrictEqual(gapsOf(events).map(({ kind, node }) => [kind, node]), [
        ["channel", "b:7000"],
        ["pattern", "b:7000"]
      ])
      for (const [from, until] of gapsOf(events).map(spanOf)) {
        assert.isAtMost(from, 2000)
        assert.strictEqual(until, 2000)
      }
    }))

  it.effect("is no gap for those who came later", () =>
    Effect.gen(function*() {
      const { b, hear, run } = yield* subscriber()
      yield* run(Redis.get(keyOfB))
      yield* advance("1 minute")
      const { events } = yield* hear(news)
      yield* advance("1 second")
      b.drop()
      yield* settle
      const [[from]] = gapsOf(events).map(spanOf)
      assert.isAtLeast(from, 60_000)
    }))
})

describe("what is wanted", () => {
  const scattered: Slots = [[0, 5460, "b:7000"], [5461, 10922, "c:7000"], [10923, 16383, "a:7000"]]

  it.effect("survives all of it, and is subscribed to once each, in the end (trap 41)", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, hear, service } = yield* subscriber()
      const nodes = [a, b, c]
      const ownerOf = (name: string): string =>
        cluster.slots.find(([first, last]) => first <= Slot.fromKey(name) && Slot.fromKey(name) <= last)![2]
      for (const node of nodes) {
        node.on("SSUBSCRIBE", (names) =>
          ownerOf(names[0]) === node.key
            ? names.map((name) => confirmation("ssubscribe", name))
            : moved(ownerOf(names[0]), Slot.fromKey(names[0])))
      }
      const shardChannels = Array.from({ length: 30 }, (_, i) => `room ${i}`)
      const topics = { channels: ["c1", "c2"], patterns: ["p*"], shardChannels }
      const { events } = yield* hear(topics)
      const original = cluster.slots
      for (let round = 0; round < 4; round++) {
        cluster.slots = round % 2 === 0 ? scattered : original
        for (const name of shardChannels.slice(0, 10)) {
          for (const node of nodes) for (const line of node.live) line.send(confirmation("sunsubscribe", name, 0))
        }
        yield* advance("1 second")
        const victim = nodes[round % 3]
        victim.accepts = "none"
        victim.drop()
        yield* service.refresh
        yield* advance("2 seconds")
        victim.accepts = "all"
        yield* advance("3 seconds")
      }
      events.length = 0
      const lines = nodes.map(lineTo)
      for (const name of shardChannels) for (const line of lines) line.send(smessage(name, `to ${name}`))
      for (const name of topics.channels) for (const line of lines) line.send(message(name, `to ${name}`))
      yield* settle
      const all = [...shardChannels, ...topics.channels].map((name) => `to ${name}`)
      assert.deepStrictEqual(messagesOf(events).toSorted(), all.toSorted())
      for (const name of shardChannels) {
        const holders = nodes.filter((node) => lineTo(node).received.some((line) => line.includes(name)))
        assert.include(holders.map(({ key }) => key), ownerOf(name))
      }
    }))
})
