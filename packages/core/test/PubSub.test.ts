import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as PubSub from "../src/PubSub.ts"
import type * as RedisCluster from "../src/RedisCluster.ts"
import { start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"
import {
  asked,
  brief,
  confirmation,
  gapsOf,
  lineTo,
  message,
  messagesOf,
  pmessage,
  smessage,
  subscriber
} from "./support/subscribers.ts"

const noPermission = Reply.error("NOPERM this user has no permissions to access one of the channels used as arguments")

const first = <A, E, R>(count: number, stream: Stream.Stream<A, E, R>) => Stream.runCollect(Stream.take(stream, count))

describe("a subscription", () => {
  it.effect("begins when the server has confirmed it, not before", () =>
    Effect.gen(function*() {
      const { a, run } = yield* subscriber()
      a.once("SUBSCRIBE", "hold")
      const fiber = yield* start(run(PubSub.listen({ channels: ["news"] })))
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      lineTo(a).release(confirmation("subscribe", "news"))
      yield* Effect.asVoid(Fiber.join(fiber))
      assert.deepStrictEqual(asked(a), ["SUBSCRIBE news"])
    }))

  it.effect("waits for all that it names, of every kind", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* subscriber()
      b.once("SSUBSCRIBE", "hold")
      const topics = { channels: ["news"], patterns: ["n*"], shardChannels: [keyOfA, keyOfB] }
      const fiber = yield* start(run(PubSub.listen(topics)))
      yield* settle
      assert.deepStrictEqual(asked(a), ["SUBSCRIBE news", "PSUBSCRIBE n*", "SSUBSCRIBE bar"])
      assert.isUndefined(fiber.pollUnsafe())
      lineTo(b).release(confirmation("ssubscribe", keyOfB))
      yield* Effect.asVoid(Fiber.join(fiber))
    }))

  it.effect("has all that is published from then on, whenever it is read", () =>
    Effect.gen(function*() {
      const { a, run } = yield* subscriber()
      const events = yield* run(PubSub.listen({ channels: ["news"] }))
      lineTo(a).send(message("news", "early"))
      yield* advance("10 seconds")
      const fiber = yield* start(first(3, events))
      lineTo(a).send(message("news", "late"))
      assert.deepStrictEqual(brief(yield* Fiber.join(fiber)), ["Subscribed", "early", "late"])
    }))

  it.effect("tells where it was confirmed, before anything else", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events } = yield* hear({ channels: ["news"], patterns: ["n*"] })
      lineTo(a).send(message("news", "1"))
      yield* settle
      assert.deepStrictEqual(events, [
        { _tag: "Subscribed", kind: "channel", name: "news", node: "a:7000" },
        { _tag: "Subscribed", kind: "pattern", name: "n*", node: "a:7000" },
        { _tag: "Message", channel: "news", pattern: undefined, payload: "1" }
      ])
    }))

  it.effect("to a name that is given twice is one", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events } = yield* hear({ channels: ["news", "news"] })
      lineTo(a).send(message("news", "1"))
      yield* settle
      assert.deepStrictEqual(brief(events), ["Subscribed", "1"])
      assert.deepStrictEqual(asked(a), ["SUBSCRIBE news"])
    }))

  it.effect("ends with its stream, and with the last of them the connection", () =>
    Effect.gen(function*() {
      const { a, run } = yield* subscriber()
      const one = yield* start(run(Stream.runDrain(PubSub.subscribe(["one"]))))
      const two = yield* start(run(Stream.runDrain(PubSub.subscribe(["two"]))))
      yield* settle
      const line = lineTo(a)
      yield* Fiber.interrupt(one)
      yield* settle
      assert.deepStrictEqual(asked(a), ["SUBSCRIBE one two", "UNSUBSCRIBE one"])
      assert.isTrue(line.open)
      yield* Fiber.interrupt(two)
      yield* settle
      assert.isFalse(line.open)
    }))

  it.effect("of nothing, or with room for nothing, is refused, and connects to nobody", () =>
    Effect.gen(function*() {
      const { cluster, run } = yield* subscriber()
      const before = cluster.live
      const errors = yield* Effect.forEach([
        PubSub.listen({}),
        PubSub.listen({ channels: [] }),
        PubSub.listen({ channels: ["news"] }, { buffer: 0 }),
        PubSub.listen({ channels: ["news"] }, { buffer: 1.5 })
      ], (listen) => Effect.flip(run(listen)))
      for (const { delivery, reason } of errors) {
        assert.deepStrictEqual([reason._tag, delivery], ["InvalidArgument", "NotSent"])
      }
      assert.include(errors[0].message, "at least one")
      assert.include(errors[2].message, "buffer has to be a whole number from 1 up")
      assert.strictEqual(cluster.live, before)
    }))
})

describe("streams of messages", () => {
  it.effect("leave all else out, and name the channel and the pattern", () =>
    Effect.gen(function*() {
      const { a, run } = yield* subscriber()
      const fibers = yield* Effect.all([
        start(run(first(1, PubSub.subscribe(["news"])))),
        start(run(first(1, PubSub.psubscribe(["n*"])))),
        start(run(first(1, PubSub.ssubscribe([keyOfA]))))
      ])
      yield* settle
      const line = lineTo(a)
      line.send(message("news", "1"))
      line.send(pmessage("n*", "news", "1"))
      line.send(smessage(keyOfA, "2"))
      assert.deepStrictEqual((yield* Fiber.joinAll(fibers)).flat(), [
        { _tag: "Message", channel: "news", pattern: undefined, payload: "1" },
        { _tag: "Message", channel: "news", pattern: "n*", payload: "1" },
        { _tag: "Message", channel: keyOfA, pattern: undefined, payload: "2" }
      ])
    }))

  it.effect("a thousand of one channel are one SUBSCRIBE, until the last of them has ended", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      yield* hear({ channels: ["other"] })
      const heard = yield* Effect.forEach(Array.from({ length: 1000 }), () => hear({ channels: ["news"] }), {
        concurrency: "unbounded"
      })
      lineTo(a).send(message("news", "1"))
      yield* settle
      for (const { events } of heard) assert.deepStrictEqual(brief(events), ["Subscribed", "1"])
      yield* Effect.forEach(heard.slice(1), ({ leave }) => leave, { concurrency: "unbounded" })
      assert.deepStrictEqual(asked(a), ["SUBSCRIBE other", "SUBSCRIBE news"])
      yield* heard[0].leave
      assert.deepStrictEqual(asked(a), ["SUBSCRIBE other", "SUBSCRIBE news", "UNSUBSCRIBE news"])
    }))

  it.effect("share one connection a node", () =>
    Effect.gen(function*() {
      const { a, b, c, hear } = yield* subscriber()
      for (let i = 0; i < 20; i++) yield* hear({ channels: [`c${i}`], patterns: [`p${i}`], shardChannels: [`${i}`] })
      const subscribing = ({ connections }: ScriptedNode) =>
        connections.filter(({ received }) => received.some((line) => line.includes("SUBSCRIBE"))).length
      assert.deepStrictEqual([a, b, c].map(subscribing), [1, 1, 1])
    }))

  it.effect("one that is read by two gives each message to one of them", () =>
    Effect.gen(function*() {
      const { a, run } = yield* subscriber()
      const events = yield* run(PubSub.listen({ channels: ["news"] }))
      const one = yield* start(first(2, events))
      const two = yield* start(first(1, events))
      yield* settle
      lineTo(a).send(message("news", "1"))
      yield* settle
      lineTo(a).send(message("news", "2"))
      const read = [...yield* Fiber.join(one), ...yield* Fiber.join(two)]
      assert.deepStrictEqual(messagesOf(read).toSorted(), ["1", "2"])
    }))
})

describe("a payload", () => {
  const notText = Uint8Array.from([0, 255, 13, 10])

  it.effect("is text, or bytes as they came, side by side on one channel", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const text = yield* hear({ channels: ["news"] })
      lineTo(a).send(message("news", "ü"))
      const bytes = yield* hear<Uint8Array>({ channels: ["news"] }, { payload: "bytes" })
      lineTo(a).send(message("news", "ü"))
      lineTo(a).send(message("news", notText))
      yield* settle
      assert.deepStrictEqual(messagesOf(text.events), ["ü", "ü", "\u0000\ufffd\r\n"])
      assert.deepStrictEqual(messagesOf(bytes.events), [new TextEncoder().encode("ü"), notText])
      assert.deepStrictEqual(asked(a), ["SUBSCRIBE news"])
    }))

  it.effect("is bytes from the first on", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events } = yield* hear<Uint8Array>({ channels: ["news"] }, { payload: "bytes" })
      lineTo(a).send(message("news", notText))
      yield* settle
      assert.deepStrictEqual(messagesOf(events), [notText])
    }))

  it.effect("keeps its byte order mark, whoever else listens", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events } = yield* hear({ channels: ["news"] })
      lineTo(a).send(message("news", "\ufeff1"))
      yield* hear<Uint8Array>({ channels: ["news"] }, { payload: "bytes" })
      lineTo(a).send(message("news", "\ufeff2"))
      yield* settle
      assert.deepStrictEqual(messagesOf(events), ["\ufeff1", "\ufeff2"])
    }))

  it.effect("is decoded by a schema", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const payload = Schema.fromJsonString(Schema.Struct({ id: Schema.Int }))
      const { events } = yield* hear({ channels: ["news"] }, { payload })
      lineTo(a).send(message("news", `{"id":7}`))
      yield* settle
      assert.deepStrictEqual(messagesOf(events), [{ id: 7 }])
    }))

  it.effect("that does not fit the schema ends the stream, and is not shown", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events, failure } = yield* hear({ channels: ["news"] }, { payload: Schema.FiniteFromString })
      const other = yield* hear({ channels: ["news"] })
      for (const text of ["1", "secret", "2"]) lineTo(a).send(message("news", text))
      yield* settle
      assert.deepStrictEqual(messagesOf(events), [1])
      assert.strictEqual(failure()?.reason._tag, "DecodeFailed")
      assert.notInclude(failure()?.message, "secret")
      assert.deepStrictEqual(messagesOf(other.events), ["1", "secret", "2"])
    }))
})

describe("a subscription that is not confirmed", () => {
  it.effect("fails when a command's time has passed, and says how much is missing", () =>
    Effect.gen(function*() {
      const { a, run } = yield* subscriber({ commandTimeout: "2 seconds" })
      a.on("SUBSCRIBE", "hold")
      const fiber = yield* start(Effect.flip(run(PubSub.listen({ channels: ["one", "two"], shardChannels: [keyOfB] }))))
      yield* advance("1900 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("200 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Timeout", "NotSent"])
      assert.include(error.message, "to confirm 2 of the subscriptions")
    }))

  it.effect("is left at once, so that it can be tried again in the same scope", () =>
    Effect.gen(function*() {
      const { cluster, hear, run } = yield* subscriber({ commandTimeout: "2 seconds" })
      const nodes = [...cluster.nodes.values()]
      for (const node of nodes) node.accepts = "neither"
      const fiber = yield* start(Effect.flip(run(PubSub.listen({ channels: ["news"] }))))
      yield* advance("2100 millis")
      yield* Fiber.join(fiber)
      for (const node of nodes) node.accepts = "all"
      yield* advance("10 seconds")
      assert.deepStrictEqual(nodes.flatMap(asked), [])
      const { events, leave } = yield* hear({ channels: ["news"] })
      assert.deepStrictEqual(brief(events), ["Subscribed"])
      assert.deepStrictEqual(nodes.flatMap(asked), ["SUBSCRIBE news"])
      const { live } = cluster
      yield* leave
      assert.strictEqual(cluster.live, live - 1)
    }))

  it.effect("is no business any more of who listens to the same later", () =>
    Effect.gen(function*() {
      const { a, hear, run } = yield* subscriber({ commandTimeout: "2 seconds" })
      const scope = yield* Scope.make()
      a.once("SUBSCRIBE", noPermission)
      yield* Effect.flip(Scope.provide(run(PubSub.listen({ channels: ["news"] })), scope))
      a.on("SUBSCRIBE", (names) => names.map((name) => confirmation("subscribe", name)))
      const { events } = yield* hear({ channels: ["news"], shardChannels: [keyOfA] })
      yield* Scope.close(scope, Exit.void)
      yield* advance("2 seconds")
      a.drop()
      yield* settle
      assert.strictEqual(events.filter(({ _tag }) => _tag === "Gap").length, 2)
    }))

  it.effect("fails whoever names a channel that is not permitted, and nobody else", () =>
    Effect.gen(function*() {
      const { a, hear, run } = yield* subscriber()
      const before = yield* hear({ channels: ["before"] })
      a.on("SUBSCRIBE", (names) =>
        names.includes("secret")
          ? noPermission
          : names.map((name) => confirmation("subscribe", name)))
      const [refused, allowed] = yield* Effect.all([
        start(Effect.flip(run(PubSub.listen({ channels: ["one", "secret"] })))),
        start(hear({ channels: ["two", "three"] }))
      ])
      const error = yield* Fiber.join(refused)
      assert.deepStrictEqual([error.reason._tag, error.delivery, error.node], ["ServerError", "Rejected", "a:7000"])
      assert.include(error.message, "NOPERM")
      const after = yield* Fiber.join(allowed)
      for (const name of ["before", "two"]) lineTo(a).send(message(name, name))
      yield* settle
      assert.deepStrictEqual(brief(before.events), ["Subscribed", "before"])
      assert.deepStrictEqual(messagesOf(after.events), ["two"])
      assert.deepStrictEqual(asked(a), [
        "SUBSCRIBE before",
        "SUBSCRIBE one secret two three",
        ...["one", "secret", "two", "three"].map((name) => `SUBSCRIBE ${name}`),
        "UNSUBSCRIBE one"
      ])
      yield* advance("5 seconds")
      assert.strictEqual(a.count("SUBSCRIBE secret"), 1)
    }))

  it.effect("can be tried again, as permissions change", () =>
    Effect.gen(function*() {
      const { a, run } = yield* subscriber()
      a.once("SUBSCRIBE", noPermission)
      yield* Effect.flip(run(PubSub.listen({ channels: ["news"] })))
      yield* Effect.asVoid(run(PubSub.listen({ channels: ["news"] })))
    }))

  it.effect("fails its stream when it is not permitted any more after a loss", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events, failure } = yield* hear({ channels: ["news"] })
      yield* advance("2 seconds")
      a.on("SUBSCRIBE", noPermission)
      lineTo(a).drop()
      yield* settle
      assert.deepStrictEqual(brief(events), ["Subscribed", "Unsubscribed"])
      assert.strictEqual(failure()?.reason._tag, "ServerError")
      yield* advance("5 seconds")
      assert.strictEqual(a.count("SUBSCRIBE news"), 2)
    }))

  it.effect("fails at once on a server that does not know the command", () =>
    Effect.gen(function*() {
      const { a, run } = yield* subscriber()
      a.on("SSUBSCRIBE", Reply.error("ERR unknown command `SSUBSCRIBE`, with args beginning with: `bar`, "))
      const error = yield* Effect.flip(run(PubSub.listen({ shardChannels: [keyOfA] })))
      assert.strictEqual(error.reason._tag, "ServerError")
      assert.notInclude(error.message, "bar")
    }))
})

describe("a reader that is too slow", () => {
  const crowd = Array.from({ length: 5 }, (_, i) => `${i}`)

  it.effect("holds up nobody else, and is told how many messages it has missed", () =>
    Effect.gen(function*() {
      const { a, hear, run } = yield* subscriber()
      const slow = yield* run(PubSub.listen({ channels: ["news"] }, { buffer: 3 }))
      const quick = yield* hear({ channels: ["news"] }, { buffer: 3 })
      for (const text of crowd) lineTo(a).send(message("news", text))
      yield* settle
      assert.deepStrictEqual(messagesOf(quick.events), crowd)
      const read = yield* first(5, slow)
      assert.deepStrictEqual(brief(read), ["Subscribed", "Gap Overflow", "2", "3", "4"])
      const [gap] = gapsOf(read)
      assert.deepStrictEqual([gap.missed, gap.kind, gap.name, gap.node], [2, undefined, undefined, undefined])
    }))

  it.effect("fails behind what it has room for, where that is asked for, and nobody else does", () =>
    Effect.gen(function*() {
      const { a, hear, run } = yield* subscriber()
      const slow = yield* run(PubSub.listen({ channels: ["news"] }, { buffer: 3, overflow: "fail" }))
      const quick = yield* hear({ channels: ["news"] }, { buffer: 3, overflow: "fail" })
      for (const text of crowd) lineTo(a).send(message("news", text))
      yield* settle
      assert.deepStrictEqual(messagesOf(quick.events), crowd)
      const seen: Array<string> = []
      const error = yield* Effect.flip(Stream.runForEach(slow, (event) =>
        Effect.sync(() => {
          if (event._tag === "Message") seen.push(event.payload)
        })))
      assert.deepStrictEqual(seen, ["0", "1", "2"])
      assert.strictEqual(error.reason._tag, "Overloaded")
      assert.include(error.message, "3 messages are already waiting")
    }))
})

describe("the end of the client", () => {
  const inScope = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
    const scope = yield* Scope.make()
    const client = yield* Scope.provide(subscriber(options), scope)
    return { ...client, close: Effect.andThen(Scope.close(scope, Exit.void), settle) }
  })

  it.effect("fails all streams with Closed behind what they have heard, and leaves no connection open", () =>
    Effect.gen(function*() {
      const { a, close, cluster, run } = yield* inScope()
      const events = yield* run(PubSub.listen({ channels: ["news"], shardChannels: [keyOfB] }))
      lineTo(a).send(message("news", "1"))
      yield* close
      assert.strictEqual(cluster.live, 0)
      const seen: Array<PubSub.Event> = []
      const error = yield* Effect.flip(Stream.runForEach(events, (event) => Effect.sync(() => seen.push(event))))
      assert.strictEqual(error.reason._tag, "Closed")
      assert.deepStrictEqual(brief(seen), ["Subscribed", "Subscribed", "1"])
    }))

  it.effect("fails a subscription that is on its way", () =>
    Effect.gen(function*() {
      const { a, close, cluster, run } = yield* inScope()
      a.on("SUBSCRIBE", "hold")
      const fiber = yield* start(Effect.flip(run(PubSub.listen({ channels: ["news"] }))))
      yield* settle
      yield* close
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Closed")
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect.each(["none", "neither"] as const)(
    "while it can't connect (%s) stops trying",
    (accepts) =>
      Effect.gen(function*() {
        const { a, close, cluster, run } = yield* inScope()
        yield* Effect.asVoid(run(PubSub.listen({ channels: ["news"], shardChannels: [keyOfA] })))
        yield* advance("2 seconds")
        a.accepts = accepts
        a.drop()
        yield* advance("3 seconds")
        yield* close
        const { length } = a.dialed
        yield* advance("1 minute")
        assert.strictEqual(a.dialed.length, length)
        assert.strictEqual(cluster.live, 0)
      })
  )

  it.effect("refuses what comes later", () =>
    Effect.gen(function*() {
      const { close, cluster, run } = yield* inScope()
      yield* close
      const error = yield* Effect.flip(run(PubSub.listen({ channels: ["news"] })))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["Closed", "NotSent"])
      const keyspace = yield* Effect.flip(run(Stream.runDrain(PubSub.keyspace())))
      assert.strictEqual(keyspace.reason._tag, "Closed")
      assert.strictEqual(cluster.live, 0)
    }))
})

describe("what all nodes know", () => {
  const names = (...all: ReadonlyArray<string>) => Reply.array(all.map(Reply.bulk))
  const counts = (entries: Record<string, number>) =>
    Reply.array(Object.entries(entries).flatMap(([name, count]) => [Reply.bulk(name), Reply.integer(count)]))

  it.effect("is merged: channels once, subscribers added", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* subscriber()
      for (const [i, node] of [a, b, c].entries()) {
        node
          .on("PUBSUB CHANNELS", names("all", `only ${i}`))
          .on("PUBSUB SHARDCHANNELS", names(`sharded ${i}`))
          .on("PUBSUB NUMSUB", counts({ all: i, none: 0 }))
          .on("PUBSUB SHARDNUMSUB", counts({ sharded: 10 * i }))
          .on("PUBSUB NUMPAT", Reply.integer(i + 1))
      }
      assert.deepStrictEqual(yield* run(PubSub.channels("a*")), ["all", "only 0", "only 1", "only 2"])
      assert.deepStrictEqual(yield* run(PubSub.shardChannels()), ["sharded 0", "sharded 1", "sharded 2"])
      assert.deepStrictEqual({ ...yield* run(PubSub.numsub(["all", "none"])) }, { all: 3, none: 0 })
      assert.deepStrictEqual({ ...yield* run(PubSub.shardNumsub(["sharded"])) }, { sharded: 30 })
      assert.strictEqual(yield* run(PubSub.numpat), 6)
      assert.deepStrictEqual(b.commands, [
        "PUBSUB CHANNELS a*",
        "PUBSUB SHARDCHANNELS",
        "PUBSUB NUMSUB all none",
        "PUBSUB SHARDNUMSUB sharded",
        "PUBSUB NUMPAT"
      ])
    }))

  it.effect("is not told without one of them", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* subscriber()
      for (const node of [a, b, c]) node.on("PUBSUB NUMPAT", Reply.integer(1))
      b.on("PUBSUB NUMPAT", Reply.error("NOPERM this user has no permissions to run the 'pubsub|numpat' command"))
      const error = yield* Effect.flip(run(PubSub.numpat))
      assert.deepStrictEqual([error.reason._tag, error.node], ["ServerError", "b:7000"])
    }))
})
