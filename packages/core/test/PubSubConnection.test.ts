import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as PubSub from "../src/PubSub.ts"
import { start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, settle, slotOfA } from "./support/scenes.ts"
import { pong, Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"
import {
  asked,
  brief,
  confirmation,
  confirms,
  lineTo,
  message,
  messagesOf,
  pmessage,
  smessage,
  subscriber
} from "./support/subscribers.ts"

const news = { channels: ["news"] }
const noPermission = Reply.error("NOPERM this user has no permissions to access one of the channels used as arguments")
/** Another key of the slot of {@link keyOfA}. */
const siblingOfA = `{${keyOfA}}2`

/** Servers that speak only RESP2 now and for ever, as old ones do or as some proxies do. */
const speaksResp2 = (node: ScriptedNode, why: string) =>
  node.on("HELLO", Reply.error(why)).on("PING", ([token]) => Reply.array([Reply.bulk("pong"), Reply.bulk(token ?? "")]))

describe("pushes", () => {
  it.effect("never mix with replies (trap 38)", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const one = yield* hear({ channels: ["one"] })
      const line = lineTo(a)
      a.on("SUBSCRIBE", "hold").on("PING", (args, at) => at === line ? "hold" : pong(args))
      // A PING is under way, and behind it a SUBSCRIBE.
      yield* advance("1 second")
      const two = yield* start(hear({ channels: ["two"] }))
      yield* settle
      line.send(message("one", "before the reply"))
      line.release(pong)
      line.send(message("one", "behind the reply"))
      yield* settle
      assert.isUndefined(two.pollUnsafe())
      line.release(confirmation("subscribe", "two"))
      line.send(message("two", "2"))
      const { events } = yield* Fiber.join(two)
      assert.deepStrictEqual(brief(events), ["Subscribed", "2"])
      assert.deepStrictEqual(messagesOf(one.events), ["before the reply", "behind the reply"])
      a.on("PING", pong)
      yield* advance("20 seconds")
      assert.isTrue(line.open)
    }))

  it.effect.each([1, 2, 3, 7])("are read however they are cut: pieces of %d bytes", (size) =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      a.chunkSize = size
      const { events } = yield* hear({ channels: ["news"], patterns: ["n*"], shardChannels: [keyOfA] })
      for (const push of [message("news", "1\r\n"), pmessage("n*", "news", "2"), smessage(keyOfA, "")]) {
        lineTo(a).send(push)
      }
      yield* settle
      assert.deepStrictEqual(messagesOf(events), ["1\r\n", "2", ""])
    }))

  it.effect("of names that nobody listens to, or of other kinds, are read and dropped", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events } = yield* hear(news)
      const line = lineTo(a)
      line.send(message("other", "1"))
      line.send(pmessage("news", "news", "2"))
      line.send(smessage("news", "3"))
      line.send(confirmation("unsubscribe", "other"))
      line.send(confirmation("subscribe", "other"))
      line.send(Reply.push([Reply.bulk("invalidate"), Reply.null]))
      line.send(message("news", "4"))
      yield* settle
      assert.deepStrictEqual(brief(events), ["Subscribed", "4"])
    }))

  it.effect("go to a pattern, a channel and a sharded channel of one name by their kind", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const channel = yield* hear({ channels: [keyOfA] })
      const pattern = yield* hear({ patterns: [keyOfA] })
      const shard = yield* hear({ shardChannels: [keyOfA] })
      const line = lineTo(a)
      line.send(message(keyOfA, "1"))
      line.send(pmessage(keyOfA, keyOfA, "2"))
      line.send(smessage(keyOfA, "3"))
      yield* settle
      assert.deepStrictEqual([channel, pattern, shard].map(({ events }) => messagesOf(events)), [["1"], ["2"], ["3"]])
    }))
})

describe("confirmations", () => {
  it.effect("come in any grouping, with messages between them", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      a.on("SUBSCRIBE", "hold").on("PSUBSCRIBE", "hold")
      const fiber = yield* start(hear({ channels: ["one", "two", "three"], patterns: ["p"] }))
      yield* settle
      const line = lineTo(a)
      line.release([confirmation("subscribe", "one")])
      line.send(message("one", "1"))
      line.send(confirmation("subscribe", "two"))
      line.send(message("two", "2"))
      line.send(message("three", "too early"))
      yield* settle
      line.send(confirmation("subscribe", "three"))
      line.release(confirmation("psubscribe", "p"))
      line.send(message("three", "3"))
      const { events } = yield* Fiber.join(fiber)
      assert.deepStrictEqual(brief(events), [
        "Subscribed",
        "1",
        "Subscribed",
        "2",
        "Subscribed",
        "Subscribed",
        "3"
      ])
    }))

  it.effect("are of the request that asked: what was left and is listened to anew is not confirmed by the first", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      yield* hear({ channels: ["other"] })
      a.on("SUBSCRIBE", "hold")
      const first = yield* start(hear(news))
      yield* settle
      yield* Fiber.interrupt(first)
      const second = yield* start(hear(news))
      yield* settle
      assert.deepStrictEqual(asked(a).slice(1), ["SUBSCRIBE news", "UNSUBSCRIBE news", "SUBSCRIBE news"])
      const line = lineTo(a)
      line.release(confirmation("subscribe", "news"))
      line.send(message("news", "of the first"))
      yield* settle
      assert.isUndefined(second.pollUnsafe())
      line.release(confirmation("subscribe", "news"))
      line.send(message("news", "of the second"))
      const { events } = yield* Fiber.join(second)
      assert.deepStrictEqual(brief(events), ["Subscribed", "of the second"])
    }))

  it.effect("of a name that is listened to again, while UNSUBSCRIBE is on its way, come behind that", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      yield* hear({ channels: ["other"] })
      const { leave } = yield* hear(news)
      a.on("UNSUBSCRIBE", "hold")
      yield* leave
      const again = yield* start(hear(news))
      yield* settle
      const line = lineTo(a)
      line.send(message("news", "of the first"))
      yield* settle
      assert.isUndefined(again.pollUnsafe())
      line.release(confirmation("unsubscribe", "news"))
      line.send(message("news", "of the second"))
      const { events } = yield* Fiber.join(again)
      assert.deepStrictEqual(brief(events), ["Subscribed", "of the second"])
    }))

  it.effect("are not waited for by those who come when there is one", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      yield* hear(news)
      a.frozen = true
      const { events } = yield* hear(news)
      assert.deepStrictEqual(brief(events), ["Subscribed"])
    }))

  it.effect("that don't come in time cost the server its connection, and are asked for again", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber({ commandTimeout: "3 seconds" })
      const { events } = yield* hear(news)
      a.once("SUBSCRIBE", [])
      const fiber = yield* start(hear({ channels: ["late"] }))
      yield* advance("2900 millis")
      assert.strictEqual(a.count("SUBSCRIBE late"), 1)
      yield* advance("1 second")
      yield* Fiber.await(fiber)
      assert.deepStrictEqual(brief(events), ["Subscribed", "Unsubscribed", "Gap ConnectionLost", "Subscribed"])
    }))

  it.effect("can't be replies: who gives one is connected to anew", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      a.once("SUBSCRIBE", Reply.simple("OK"))
      const { events } = yield* start(hear(news)).pipe(
        Effect.tap(() => advance("1 second")),
        Effect.flatMap(Fiber.join)
      )
      assert.deepStrictEqual(brief(events), ["Subscribed"])
    }))

  it.effect("are asked for in portions", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const channels = Array.from({ length: 1201 }, (_, i) => `c${i}`)
      const { events } = yield* hear({ channels })
      assert.strictEqual(events.length, channels.length)
      assert.deepStrictEqual(asked(a).map((line) => line.split(" ").length - 1), [500, 500, 201])
    }))

  it.effect("come although but one command may be under way", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber({ maxInFlight: 1 })
      const one = yield* hear({ channels: ["one"], patterns: ["p"], shardChannels: [keyOfA, siblingOfA] })
      const two = yield* hear({ channels: ["two"] })
      lineTo(a).send(message("two", "2"))
      yield* settle
      assert.deepStrictEqual([...brief(one.events), ...brief(two.events)], [
        "Subscribed",
        "Subscribed",
        "Subscribed",
        "Subscribed",
        "Subscribed",
        "2"
      ])
    }))

  it.effect("come although no command may wait for room", () =>
    Effect.gen(function*() {
      const { hear } = yield* subscriber({ maxInFlight: 3, failWhenFull: true })
      const shardChannels = Array.from({ length: 50 }, (_, i) => `${i}`)
      const fiber = yield* start(hear({ shardChannels }))
      yield* advance("3 seconds")
      assert.deepStrictEqual(brief((yield* Fiber.join(fiber)).events), shardChannels.map(() => "Subscribed"))
    }))
})

describe("an error", () => {
  it.effect("is of the request that it answers, among several", () =>
    Effect.gen(function*() {
      const { a, hear, run } = yield* subscriber()
      a.on("PSUBSCRIBE", noPermission)
      const refused = yield* start(Effect.flip(run(PubSub.listen({ patterns: ["secret"] }))))
      const allowed = yield* hear({ channels: ["one"], shardChannels: [keyOfA] })
      assert.strictEqual((yield* Fiber.join(refused)).reason._tag, "ServerError")
      lineTo(a).send(message("one", "1"))
      lineTo(a).send(smessage(keyOfA, "2"))
      yield* settle
      assert.deepStrictEqual(brief(allowed.events), ["Subscribed", "Subscribed", "1", "2"])
    }))

  it.effect("makes nobody ask again for what has been left meanwhile", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      yield* hear({ channels: ["other"] })
      a.once("SUBSCRIBE", "hold")
      const left = yield* start(hear({ channels: ["left"] }))
      const kept = yield* start(hear({ channels: ["kept"] }))
      const third = yield* start(hear({ channels: ["third"] }))
      yield* settle
      yield* Fiber.interrupt(left)
      yield* settle
      lineTo(a).release(noPermission)
      yield* settle
      assert.deepStrictEqual(brief((yield* Fiber.join(kept)).events), ["Subscribed"])
      assert.deepStrictEqual(brief((yield* Fiber.join(third)).events), ["Subscribed"])
      assert.deepStrictEqual(asked(a).slice(1), [
        "SUBSCRIBE left kept third",
        "UNSUBSCRIBE left",
        "SUBSCRIBE kept",
        "SUBSCRIBE third"
      ])
    }))

  it.effect("that answers unsubscribing changes nothing", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events } = yield* hear({ channels: ["news"], shardChannels: [siblingOfA] })
      const classic = yield* hear({ channels: ["other"] })
      const sharded = yield* hear({ shardChannels: [keyOfA] })
      a.on("UNSUBSCRIBE", noPermission).on("SUNSUBSCRIBE", noPermission)
      yield* classic.leave
      yield* sharded.leave
      lineTo(a).send(message("news", "1"))
      yield* hear({ channels: ["more"] })
      assert.deepStrictEqual(brief(events), ["Subscribed", "Subscribed", "1"])
    }))

  it.effect("answers PING where that is not permitted, which is a sign of life all the same", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      a.on("PING", Reply.error("NOPERM this user has no permissions to run the 'ping' command"))
      const { events } = yield* hear(news)
      yield* advance("30 seconds")
      yield* hear({ patterns: ["p"] })
      assert.deepStrictEqual(brief(events), ["Subscribed"])
    }))
})

describe("a server that ends a sharded subscription by itself, just when it is told to", () => {
  const moved = Reply.error(`MOVED ${slotOfA} b:7000`)

  it.effect("answers twice, which upsets nothing that comes behind (trap 38)", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events } = yield* hear(news)
      const { leave } = yield* hear({ shardChannels: [keyOfA] })
      a.on("SUNSUBSCRIBE", "hold")
      yield* leave
      const line = lineTo(a)
      const behind = yield* start(hear({ channels: ["behind"] }))
      yield* settle
      line.send(confirmation("sunsubscribe", keyOfA, 0))
      line.release(moved)
      yield* settle
      line.send(message("behind", "1"))
      yield* settle
      assert.deepStrictEqual(brief((yield* Fiber.join(behind)).events), ["Subscribed", "1"])
      assert.deepStrictEqual(brief(events), ["Subscribed"])
      yield* advance("10 seconds")
      assert.isTrue(line.open)
    }))

  it.effect("does not end what is listened to anew", () =>
    Effect.gen(function*() {
      const { a, b, hear } = yield* subscriber()
      yield* hear(news)
      const { leave } = yield* hear({ shardChannels: [keyOfA] })
      a.on("SUNSUBSCRIBE", "hold").on("SSUBSCRIBE", moved)
      yield* leave
      const again = yield* start(hear({ shardChannels: [keyOfA] }))
      yield* settle
      lineTo(a).send(confirmation("sunsubscribe", keyOfA, 0))
      lineTo(a).release(moved)
      yield* settle
      lineTo(b).send(smessage(keyOfA, "1"))
      yield* settle
      assert.deepStrictEqual(brief((yield* Fiber.join(again)).events), ["Subscribed", "1"])
      assert.isTrue(lineTo(a).open)
    }))
})

describe("a server that refuses to unsubscribe, and goes on sending", () => {
  const refusals = {
    "Redis 8, a replica since": `MOVED ${slotOfA} b:7000`,
    "Redis 8, migrating": `ASK ${slotOfA} b:7000`,
    "Redis 8, cut off": "CLUSTERDOWN The cluster is down",
    "runs a script": "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
  }

  const left = (node: ScriptedNode) => asked(node).filter((line) => line.includes("UNSUBSCRIBE"))

  /** Refuses once, and obeys then. */
  const refusesFirst = (node: ScriptedNode, word: string, refusal: string) => {
    confirms(node).once(word, Reply.error(refusal))
  }

  it.effect.each(Object.entries(refusals))(
    "is told to end all sharded channels when none is wanted there: %s",
    ([, refusal]) =>
      Effect.gen(function*() {
        const { a, hear } = yield* subscriber()
        const { events } = yield* hear(news)
        const { leave } = yield* hear({ shardChannels: [keyOfA, siblingOfA] })
        refusesFirst(a, "SUNSUBSCRIBE", refusal)
        yield* leave
        lineTo(a).send(smessage(keyOfA, "nobody hears it"))
        yield* advance("1 second")
        const all = [`SUNSUBSCRIBE ${keyOfA}`, `SUNSUBSCRIBE ${siblingOfA}`, "SUNSUBSCRIBE"]
        assert.deepStrictEqual(asked(a).slice(-3), all)
        lineTo(a).send(confirmation("sunsubscribe", keyOfA, 0))
        // What is asked for next is not answered by what ends.
        const { events: behind } = yield* hear({ channels: ["behind"], shardChannels: [keyOfA] })
        yield* advance("10 seconds")
        assert.deepStrictEqual(asked(a).slice(-5), [...all, "SUBSCRIBE behind", `SSUBSCRIBE ${keyOfA}`])
        assert.deepStrictEqual(brief(events), ["Subscribed"])
        assert.deepStrictEqual(brief(behind), ["Subscribed", "Subscribed"])
        assert.isTrue(lineTo(a).open)
      })
  )

  it.effect("is told again and again to end one of several sharded channels, until it does", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events } = yield* hear({ shardChannels: [siblingOfA] })
      const { leave } = yield* hear({ shardChannels: [keyOfA] })
      a.on("SUNSUBSCRIBE", Reply.error("CLUSTERDOWN The cluster is down"))
      yield* leave
      yield* advance("3 seconds")
      assert.strictEqual(left(a).length, 4)
      confirms(a)
      yield* advance("10 seconds")
      assert.deepStrictEqual(left(a), Array(5).fill(`SUNSUBSCRIBE ${keyOfA}`))
      lineTo(a).send(smessage(siblingOfA, "1"))
      yield* settle
      assert.deepStrictEqual(brief(events), ["Subscribed", "1"])
    }))

  it.effect("is not told so of what is wanted again", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      yield* hear({ shardChannels: [siblingOfA] })
      const { leave } = yield* hear({ shardChannels: [keyOfA] })
      refusesFirst(a, "SUNSUBSCRIBE", refusals["Redis 8, cut off"])
      yield* leave
      const { events } = yield* hear({ shardChannels: [keyOfA] })
      yield* advance("10 seconds")
      assert.deepStrictEqual(left(a), [`SUNSUBSCRIBE ${keyOfA}`])
      assert.deepStrictEqual(brief(events), ["Subscribed"])
    }))

  it.effect("marks where its answers end with a PING behind it, also where there is no room for more", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber({ maxInFlight: 1 })
      const first = yield* hear({ shardChannels: [keyOfA] })
      a.on("SSUBSCRIBE", "hold")
      yield* start(hear({ shardChannels: [siblingOfA] }))
      yield* settle
      confirms(a)
      yield* first.leave
      yield* start(hear({ shardChannels: [`{${keyOfA}}3`] }))
      yield* settle
      const line = lineTo(a)
      line.release([confirmation("ssubscribe", siblingOfA)])
      yield* advance("500 millis")
      const names = line.received.map((text) => text.split(" ")[0]).filter((name) => /SUBSCRIBE|PING/.test(name))
      assert.deepStrictEqual(names, ["SSUBSCRIBE", "SSUBSCRIBE", "SUNSUBSCRIBE", "PING", "SSUBSCRIBE"])
    }))

  it.effect("is not told so of what it has ended by itself", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      yield* hear(news)
      const { leave } = yield* hear({ shardChannels: [keyOfA] })
      a.on("SUNSUBSCRIBE", "hold")
      yield* leave
      lineTo(a).send(confirmation("sunsubscribe", keyOfA, 0))
      lineTo(a).release(Reply.error(refusals["Redis 8, a replica since"]))
      yield* advance("10 seconds")
      assert.deepStrictEqual(left(a), [`SUNSUBSCRIBE ${keyOfA}`])
    }))

  it.effect("is told again of channels too", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      yield* hear(news)
      const { leave } = yield* hear({ channels: ["left"] })
      refusesFirst(a, "UNSUBSCRIBE", refusals["runs a script"])
      yield* leave
      yield* advance("10 seconds")
      assert.deepStrictEqual(left(a), ["UNSUBSCRIBE left", "UNSUBSCRIBE left"])
    }))
})

describe.each([
  ["that does not know HELLO", "ERR unknown command `HELLO`, with args beginning with: `3`, "],
  ["that refuses RESP3", "NOPROTO unsupported protocol version"]
])("a server %s", (_, why) => {
  it.effect("is subscribed to in RESP2, where pushes look like replies", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      speaksResp2(a, why)
      const topics = { channels: ["news"], patterns: ["n*"], shardChannels: [keyOfA] }
      const text = yield* hear(topics)
      const bytes = yield* hear<Uint8Array>(topics, { payload: "bytes" })
      const line = lineTo(a)
      line.send(message("news", "1"))
      yield* advance("3 seconds")
      assert.isAtLeast(a.connections.at(-1)!.received.filter((each) => each === "PING").length, 2)
      line.send(pmessage("n*", "news", "2"))
      line.send(smessage(keyOfA, "3"))
      yield* settle
      assert.deepStrictEqual(messagesOf(text.events), ["1", "2", "3"])
      assert.deepStrictEqual(
        messagesOf(bytes.events).map((payload) => new TextDecoder().decode(payload)),
        ["1", "2", "3"]
      )
      assert.isTrue(line.open)
    }))

  it.effect("confirms, refuses and unsubscribes as any other", () =>
    Effect.gen(function*() {
      const { a, hear, run } = yield* subscriber()
      speaksResp2(a, why)
      const { leave } = yield* hear({ channels: ["one"], shardChannels: [keyOfA] })
      const { events } = yield* hear({ channels: ["two"] })
      a.once("SUBSCRIBE", noPermission)
      const error = yield* Effect.flip(run(PubSub.listen({ channels: ["secret"] })))
      assert.strictEqual(error.reason._tag, "ServerError")
      yield* leave
      lineTo(a).send(message("two", "2"))
      yield* hear({ shardChannels: [siblingOfA] })
      assert.deepStrictEqual(brief(events), ["Subscribed", "2"])
      assert.deepStrictEqual(asked(a).slice(-3), ["UNSUBSCRIBE one", "SUNSUBSCRIBE bar", "SSUBSCRIBE {bar}2"])
    }))
})

describe("what is asked for", () => {
  it.effect("goes out together, one command a kind, and one a slot of sharded channels (trap 40)", () =>
    Effect.gen(function*() {
      const { a, b, hear } = yield* subscriber()
      yield* hear({ channels: ["c1", "c2"], patterns: ["p1", "p2"], shardChannels: [keyOfA, keyOfB, siblingOfA] })
      assert.deepStrictEqual(asked(a), ["SUBSCRIBE c1 c2", "PSUBSCRIBE p1 p2", `SSUBSCRIBE ${keyOfA} ${siblingOfA}`])
      assert.deepStrictEqual(asked(b), [`SSUBSCRIBE ${keyOfB}`])
      assert.isAtMost(lineTo(a).writes.length, 4)
    }))

  it.effect("and left before there was a connection is not asked for", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      a.once("HELLO", "hold")
      const left = yield* start(hear({ channels: ["left"] }))
      const kept = yield* start(hear(news))
      yield* settle
      yield* Fiber.interrupt(left)
      a.live.at(-1)!.release(Reply.map([]))
      yield* Fiber.join(kept)
      assert.deepStrictEqual(asked(a), ["SUBSCRIBE news"])
    }))

  it.effect("costs one PING a second for all, however often it changes", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      for (let i = 0; i < 20; i++) {
        const { leave } = yield* hear({ shardChannels: [keyOfA] })
        yield* leave
      }
      yield* hear({ shardChannels: [keyOfA] })
      const before = a.count("PING")
      yield* advance("20 seconds")
      assert.isAtMost(a.count("PING") - before, 25)
      assert.isAtLeast(a.count("PING") - before, 19)
    }))
})
