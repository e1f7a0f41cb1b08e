import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Client } from "../src/Client.ts"
import * as PubSub from "../src/PubSub.ts"
import type { RedisError } from "../src/RedisError.ts"
import { start } from "./support/client.ts"
import { advance, settle } from "./support/scenes.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"
import {
  asked,
  brief,
  confirmation,
  confirms,
  gapsOf,
  lineTo,
  pmessage,
  spanOf,
  subscriber
} from "./support/subscribers.ts"

const prefix = "__keyspace@0__:"
const subscribe = `PSUBSCRIBE ${prefix}*`

/** A stream that is opened by whoever reads it, as one that is open. */
const opened = <A>(
  stream: Stream.Stream<A, RedisError, Client>
): Effect.Effect<Stream.Stream<A, RedisError>, never, Scope.Scope | Client> =>
  Effect.map(Effect.context<Client>(), (context) => Stream.provideContext(stream, context))

const keyspace = (...args: Parameters<typeof PubSub.keyspace>) => opened(PubSub.keyspace(...args))

/** What a node tells of a key. */
const tell = (node: ScriptedNode, key: string, event: string, pattern = "*"): void =>
  lineTo(node).send(pmessage(`${prefix}${pattern}`, `${prefix}${key}`, event))

describe("keyspace notifications", () => {
  it.effect("come from all primaries, in one stream", () =>
    Effect.gen(function*() {
      const { a, b, c, read } = yield* subscriber()
      const { events } = yield* read(keyspace())
      assert.deepStrictEqual([a, b, c].flatMap(asked), [subscribe, subscribe, subscribe])
      for (const [i, node] of [a, b, c].entries()) tell(node, `user:${i}`, "set")
      yield* settle
      assert.deepStrictEqual(brief(events), [
        "Subscribed",
        "Subscribed",
        "Subscribed",
        "set user:0",
        "set user:1",
        "set user:2"
      ])
      assert.deepStrictEqual(events.at(-1), { _tag: "KeyEvent", key: "user:2", event: "set" })
    }))

  it.effect("begin when all primaries have confirmed", () =>
    Effect.gen(function*() {
      const { a, c, read } = yield* subscriber()
      c.once("PSUBSCRIBE", "hold")
      const { events } = yield* read(keyspace())
      tell(a, "early", "set")
      yield* settle
      assert.deepStrictEqual(brief(events), [])
      lineTo(c).release(confirmation("psubscribe", `${prefix}*`))
      yield* settle
      assert.deepStrictEqual(brief(events), ["Subscribed", "Subscribed", "set early", "Subscribed"])
    }))

  it.effect("wait no longer for a primary that is gone meanwhile", () =>
    Effect.gen(function*() {
      const { c, cluster, read, service } = yield* subscriber()
      c.on("PSUBSCRIBE", "hold")
      const { events } = yield* read(keyspace())
      assert.deepStrictEqual(brief(events), [])
      cluster.slots = [[0, 5460, "a:7000"], [5461, 16383, "b:7000"]]
      yield* service.refresh
      yield* settle
      assert.deepStrictEqual(brief(events), ["Subscribed", "Subscribed"])
    }))

  it.effect("are those of some keys and some events", () =>
    Effect.gen(function*() {
      const { a, read } = yield* subscriber()
      const { events } = yield* read(keyspace({ keys: "session:*", events: ["expired", "del"] }))
      assert.deepStrictEqual(asked(a), [`PSUBSCRIBE ${prefix}session:*`])
      for (const event of ["set", "expired", "del", "evicted"]) tell(a, "session:1", event, "session:*")
      yield* settle
      assert.deepStrictEqual(brief(events).slice(3), ["expired session:1", "del session:1"])
    }))

  it.effect("are shared by all who listen for the same, and ended by the last", () =>
    Effect.gen(function*() {
      const { a, read } = yield* subscriber()
      const one = yield* read(keyspace())
      const two = yield* read(keyspace({ events: ["del"] }))
      const other = yield* read(keyspace({ keys: "other" }))
      assert.deepStrictEqual(asked(a), [subscribe, `PSUBSCRIBE ${prefix}other`])
      tell(a, "k", "del")
      yield* settle
      assert.deepStrictEqual([one, two].map(({ events }) => brief(events).at(-1)), ["del k", "del k"])
      yield* one.leave
      assert.strictEqual(asked(a).length, 2)
      yield* two.leave
      assert.deepStrictEqual(asked(a).slice(2), [`PUNSUBSCRIBE ${prefix}*`])
      assert.deepStrictEqual(brief(other.events), ["Subscribed", "Subscribed", "Subscribed"])
    }))

  it.effect("are not mixed up with a subscription to the same pattern at any node", () =>
    Effect.gen(function*() {
      const { a, b, hear, read } = yield* subscriber()
      const everywhere = yield* read(keyspace())
      const anywhere = yield* hear({ patterns: [`${prefix}*`] })
      assert.deepStrictEqual(asked(a), [subscribe])
      tell(a, "at a", "set")
      tell(b, "at b", "set")
      yield* settle
      assert.deepStrictEqual(brief(everywhere.events).slice(3), ["set at a", "set at b"])
      assert.deepStrictEqual(brief(anywhere.events), ["Subscribed", "set"])
      yield* everywhere.leave
      assert.deepStrictEqual(asked(a), [subscribe])
      assert.isTrue(lineTo(a).open)
    }))

  it.effect("from a node that is lost have a gap, which is told with the node (trap 42)", () =>
    Effect.gen(function*() {
      const { b, read } = yield* subscriber()
      const { events } = yield* read(keyspace())
      yield* advance("10400 millis")
      events.length = 0
      b.accepts = "none"
      lineTo(b).drop()
      yield* advance("1 second")
      b.accepts = "all"
      yield* advance("2 seconds")
      assert.deepStrictEqual(brief(events), ["Unsubscribed", "Gap ConnectionLost", "Subscribed"])
      const [gap] = gapsOf(events)
      assert.strictEqual(gap.node, "b:7000")
      assert.strictEqual(spanOf(gap)[0], 10_000)
      assert.isAtLeast(spanOf(gap)[1], 11_400)
      tell(b, "k", "set")
      yield* settle
      assert.strictEqual(brief(events).at(-1), "set k")
    }))

  it.effect("are told of no loss of other nodes, which tell of their own keys", () =>
    Effect.gen(function*() {
      const { b, read, run, service } = yield* subscriber()
      const { events } = yield* read(keyspace())
      yield* run(Effect.andThen(service.refresh, service.refresh))
      yield* advance("2 seconds")
      for (const connection of b.live) if (connection !== lineTo(b)) connection.drop()
      yield* advance("1 second")
      assert.deepStrictEqual(brief(events), ["Subscribed", "Subscribed", "Subscribed"])
    }))
})

describe("keyspace notifications, when the primaries change", () => {
  const withReplicas = [[0, 8191, "a:7000", "b:7000"], [8192, 16383, "c:7000"]] as const

  it.effect("come from a replica once it is promoted, with a gap from when nobody knew yet (trap 42)", () =>
    Effect.gen(function*() {
      const { a, b, cluster, read, service } = yield* subscriber({ slots: withReplicas, refreshInterval: "Infinity" })
      const { events } = yield* read(keyspace())
      assert.deepStrictEqual(asked(b), [])
      yield* advance("5 seconds")
      yield* service.refresh
      yield* advance("5400 millis")
      events.length = 0
      cluster.slots = [[0, 8191, "b:7000", "a:7000"], [8192, 16383, "c:7000"]]
      yield* service.refresh
      yield* settle
      assert.deepStrictEqual(brief(events), ["Unsubscribed", "Gap ConnectionLost", "Gap ConnectionLost", "Subscribed"])
      const [left, came] = gapsOf(events)
      assert.deepStrictEqual([left.node, ...spanOf(left)], ["a:7000", 10_000, 10_400])
      assert.deepStrictEqual([came.node, ...spanOf(came)], ["b:7000", 5000, 10_400])
      assert.deepStrictEqual(a.live.filter(({ received }) => received.includes(subscribe)), [])
      tell(b, "k", "set")
      yield* settle
      assert.strictEqual(brief(events).at(-1), "set k")
    }))

  it.effect("come from nodes that join, to all who listen, and not as a gap to those who begin then", () =>
    Effect.gen(function*() {
      const { cluster, read, service } = yield* subscriber()
      const one = yield* read(keyspace())
      const two = yield* read(keyspace())
      const d = confirms(cluster.node("d:7000"))
      cluster.slots = [...cluster.slots.slice(0, 2), [10923, 12000, "d:7000"], [12001, 16383, "c:7000"]]
      d.once("PSUBSCRIBE", "hold")
      yield* service.refresh
      yield* settle
      const late = yield* read(keyspace())
      lineTo(d).release(confirmation("psubscribe", `${prefix}*`))
      yield* settle
      for (const { events } of [one, two]) {
        assert.deepStrictEqual(brief(events).slice(3), ["Gap ConnectionLost", "Subscribed"])
      }
      assert.deepStrictEqual(brief(late.events), Array.from({ length: 4 }, () => "Subscribed"))
    }))

  it.effect("come no more from nodes that have left, whose connection is closed", () =>
    Effect.gen(function*() {
      const { c, cluster, read, service } = yield* subscriber()
      const { events } = yield* read(keyspace())
      yield* advance("2 seconds")
      c.accepts = "none"
      c.drop()
      yield* settle
      cluster.slots = [[0, 5460, "a:7000"], [5461, 16383, "b:7000"]]
      yield* service.refresh
      yield* settle
      assert.deepStrictEqual(brief(events).slice(3), ["Unsubscribed", "Gap ConnectionLost"])
      const { length } = c.dialed
      yield* advance("1 minute")
      assert.strictEqual(c.dialed.length, length)
    }))
})

describe("a reader of keyspace notifications", () => {
  it.effect("that is too slow is told so, and the settings are checked", () =>
    Effect.gen(function*() {
      const { a, run } = yield* subscriber()
      const scope = yield* Effect.scope
      const refused = yield* Effect.flip(run(Stream.runDrain(PubSub.keyspace({}, { buffer: 0 }))))
      assert.strictEqual(refused.reason._tag, "InvalidArgument")
      const seen: Array<PubSub.KeyEvent | Exclude<PubSub.Event, PubSub.Message>> = []
      const fiber = yield* start(Scope.provide(
        run(Stream.runForEach(PubSub.keyspace({}, { buffer: 2 }), (event) =>
          Effect.andThen(
            Effect.sync(() => seen.push(event)),
            Effect.sleep("1 second")
          ))),
        scope
      ))
      yield* settle
      for (let i = 0; i < 5; i++) {
        tell(a, `${i}`, "set")
      }
      yield* advance("20 seconds")
      assert.deepStrictEqual(brief(seen).slice(3), ["Gap Overflow", "set 3", "set 4"])
      assert.strictEqual(gapsOf(seen)[0].missed, 3)
      yield* Fiber.interrupt(fiber)
    }))
})
