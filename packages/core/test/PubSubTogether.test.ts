import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Overflow } from "../src/internal/pubsub/mailbox.ts"
import * as PubSub from "../src/PubSub.ts"
import * as Resp from "../src/Resp.ts"
import { start } from "./support/client.ts"
import { keyOfA, settle } from "./support/scenes.ts"
import type { ScriptedConnection } from "./support/ScriptedCluster.ts"
import {
  asked,
  brief,
  confirmation,
  lineTo,
  message,
  messagesOf,
  pmessage,
  smessage,
  subscriber
} from "./support/subscribers.ts"

const news = { channels: ["news"] }
const crowd = Array.from({ length: 9 }, (_, i) => `${i}`)

const first = <A, E, R>(count: number, stream: Stream.Stream<A, E, R>) => Stream.runCollect(Stream.take(stream, count))

/** All in one chunk. */
const sendTogether = (line: ScriptedConnection, ...replies: ReadonlyArray<Resp.Reply>): void => {
  line.send(Uint8Array.from(replies.flatMap((reply) => Array.from(Resp.encodeReply(reply, 3)))))
}

describe("messages of one channel that come together", () => {
  it.effect("are heard in order, by all who listen", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const heard = yield* Effect.all([hear(news), hear(news)])
      sendTogether(lineTo(a), ...crowd.map((text) => message("news", text)))
      yield* settle
      for (const { events } of heard) {
        assert.deepStrictEqual(brief(events), ["Subscribed", ...crowd])
        assert.deepStrictEqual(events[5], { _tag: "Message", channel: "news", pattern: undefined, payload: "4" })
      }
    }))

  it.effect("go to a pattern, a channel and a sharded channel of one name by their kind", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const heard = yield* Effect.all([
        hear({ channels: [keyOfA] }),
        hear({ patterns: [keyOfA] }),
        hear({ shardChannels: [keyOfA] })
      ])
      sendTogether(
        lineTo(a),
        ...crowd.map((text) => message(keyOfA, `channel ${text}`)),
        ...crowd.map((text) => smessage(keyOfA, `shard ${text}`)),
        ...crowd.map((text) => pmessage(keyOfA, keyOfA, `pattern ${text}`)),
        ...crowd.map((text) => message(keyOfA, `again ${text}`))
      )
      yield* settle
      assert.deepStrictEqual(heard.map(({ events }) => messagesOf(events)), [
        [...crowd.map((text) => `channel ${text}`), ...crowd.map((text) => `again ${text}`)],
        crowd.map((text) => `pattern ${text}`),
        crowd.map((text) => `shard ${text}`)
      ])
    }))

  it.effect("are told apart from those of another channel, and keep their order with them", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events } = yield* hear({ channels: ["news", "newt"], patterns: ["n*"] })
      const order = ["news", "news", "news", "news", "newt", "news", "news", "newt", "newt", "newt", "newt", "news"]
      sendTogether(lineTo(a), ...order.map((channel, i) => message(channel, `${i}`)), pmessage("n*", "news", "last"))
      yield* settle
      const heard = events.flatMap((event) => event._tag === "Message" ? [`${event.channel} ${event.payload}`] : [])
      assert.deepStrictEqual(heard, [...order.map((channel, i) => `${channel} ${i}`), "news last"])
    }))

  it.effect("are text for some and bytes for others, whichever they were read as", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const text = yield* hear(news)
      sendTogether(lineTo(a), ...crowd.map((each) => message("news", each)))
      const bytes = yield* hear<Uint8Array>(news, { payload: "bytes" })
      sendTogether(lineTo(a), ...crowd.map((each) => message("news", `ü${each}`)))
      yield* settle
      assert.deepStrictEqual(messagesOf(text.events), [...crowd, ...crowd.map((each) => `ü${each}`)])
      assert.deepStrictEqual(messagesOf(bytes.events), crowd.map((each) => new TextEncoder().encode(`ü${each}`)))
    }))

  it.effect("are heard by who begins to listen in their midst, as bytes if that is wanted", () =>
    Effect.gen(function*() {
      const { a, run } = yield* subscriber()
      const bytes = yield* Effect.cached(run(PubSub.listen<Uint8Array>(news, { payload: "bytes" })))
      // There is no more room in the middle of the chunk, so it is read there.
      const greedy = yield* run(PubSub.listen(news, { buffer: 2 }))
      const seen: Array<string> = []
      yield* start(Stream.runForEachArray(greedy, (events) => {
        seen.push(...messagesOf(events))
        return seen.includes("3") ? bytes : Effect.void
      }))
      yield* settle
      for (let i = 0; i < 2; i++) {
        sendTogether(lineTo(a), ...crowd.map((each) => message("news", each)))
        yield* settle
      }
      assert.deepStrictEqual(seen, [...crowd, ...crowd])
      const heard: Array<string> = []
      yield* start(
        Stream.runForEachArray(yield* bytes, (events) =>
          Effect.sync(() =>
            heard.push(
              ...messagesOf(events).map((payload) => new TextDecoder().decode(payload))
            )
          ))
      )
      yield* settle
      // What came before may be heard too; what comes behind must be.
      assert.deepStrictEqual(heard.slice(-14), ["4", "5", "6", "7", "8", ...crowd])
      assert.deepStrictEqual(asked(a), ["SUBSCRIBE news"])
    }))

  it.effect("are no business any more of who leaves among them, and all the others hear all", () =>
    Effect.gen(function*() {
      const { a, hear, run } = yield* subscriber()
      const scope = yield* Scope.make()
      const leaver = yield* Scope.provide(run(PubSub.listen(news, { buffer: 2 })), scope)
      const seen: Array<string> = []
      yield* start(Stream.runForEachArray(leaver, (events) => {
        seen.push(...messagesOf(events))
        return seen.includes("3") ? Effect.andThen(Scope.close(scope, Exit.void), Effect.never) : Effect.void
      }))
      const other = yield* hear(news)
      yield* settle
      sendTogether(lineTo(a), ...crowd.map((text) => message("news", text)))
      yield* settle
      assert.deepStrictEqual(seen, ["0", "1", "2", "3"])
      assert.deepStrictEqual(messagesOf(other.events), crowd)
      yield* other.leave
      assert.deepStrictEqual(asked(a), ["SUBSCRIBE news"])
    }))

  it.effect.each(
    [
      ["dropOldest", ["Subscribed", "Gap Overflow", "6", "7", "8"]],
      ["dropNewest", ["Subscribed", "0", "1", "2", "Gap Overflow"]],
      ["fail", ["Subscribed", "0", "1", "2", "Overloaded"]]
    ] satisfies ReadonlyArray<[Overflow, Array<string>]>
  )("overflow who does not read as if they came one by one: %s", ([overflow, expected]) =>
    Effect.gen(function*() {
      const { a, hear, run } = yield* subscriber()
      const slow = yield* run(PubSub.listen(news, { buffer: 3, overflow }))
      const quick = yield* hear(news, { buffer: 3, overflow })
      sendTogether(lineTo(a), ...crowd.map((text) => message("news", text)))
      yield* settle
      assert.deepStrictEqual(messagesOf(quick.events), crowd)
      const read: Array<string | Uint8Array> = []
      yield* Stream.runForEach(Stream.take(slow, 5), (event) => Effect.sync(() => read.push(...brief([event])))).pipe(
        Effect.catch(({ reason }) => Effect.sync(() => read.push(reason._tag)))
      )
      assert.deepStrictEqual(read, expected)
    }))

  it.effect("stand behind the confirmation that came with them, and before the next", () =>
    Effect.gen(function*() {
      const { a, hear, run } = yield* subscriber()
      const { events } = yield* hear({ channels: ["other"] })
      a.once("SUBSCRIBE", "hold")
      const fiber = yield* start(run(PubSub.listen({ channels: ["news"] })))
      yield* settle
      const sent = crowd.map((text) => message("other", text))
      sendTogether(lineTo(a), ...sent)
      lineTo(a).release(confirmation("subscribe", "news"))
      sendTogether(lineTo(a), ...crowd.map((text) => message("news", text)), ...sent)
      const stream = yield* Effect.flatMap(fiber.pollUnsafe() ?? Effect.never, Effect.succeed)
      assert.deepStrictEqual(brief(yield* first(10, stream)), ["Subscribed", ...crowd])
      yield* settle
      assert.deepStrictEqual(messagesOf(events), [...crowd, ...crowd])
    }))
})

describe("streams of messages", () => {
  it.effect("leave out what is none, in whatever company it comes", () =>
    Effect.gen(function*() {
      const { a, run } = yield* subscriber()
      const arrays: Array<ReadonlyArray<string>> = []
      yield* start(run(Stream.runForEachArray(PubSub.subscribe(["news"], { buffer: 3 }), (messages) =>
        Effect.sync(() =>
          arrays.push(messagesOf(messages))
        ))))
      yield* settle
      sendTogether(lineTo(a), message("news", "1"), message("news", "2"))
      yield* settle
      sendTogether(lineTo(a), message("news", "3"))
      yield* settle
      assert.deepStrictEqual(arrays, [["1", "2"], ["3"]])
    }))

  it.effect("leave out gaps among messages", () =>
    Effect.gen(function*() {
      const { a, run } = yield* subscriber()
      const seen: Array<string> = []
      yield* start(run(Stream.runForEachArray(PubSub.subscribe(["news"], { buffer: 3 }), (messages) => {
        seen.push(...messagesOf(messages))
        return seen.length === 1 ? settle : Effect.void
      })))
      yield* settle
      lineTo(a).send(message("news", "first"))
      yield* Effect.yieldNow
      sendTogether(lineTo(a), ...crowd.map((text) => message("news", text)))
      yield* Effect.andThen(settle, settle)
      assert.deepStrictEqual(seen, ["first", "6", "7", "8"])
    }))
})
