import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Client } from "../src/Client.ts"
import * as PubSub from "../src/PubSub.ts"
import { connected } from "./support/client.ts"
import { advance, settle } from "./support/scenes.ts"
import { asked, brief, lineTo, message, messagesOf, pmessage, smessage, subscriber } from "./support/subscribers.ts"

const replacement = "\ufffd"

/** Topics of one kind, and what the server says of a message in one of them. */
const kinds = [
  ["channels", "SUBSCRIBE", message],
  ["shardChannels", "SSUBSCRIBE", smessage],
  ["patterns", "PSUBSCRIBE", (name: string, payload: string) => pmessage(name, name, payload)]
] as const

/** Names as a program writes them, and as the server tells them. */
const names = [
  ["\ud800", replacement],
  ["\udc00\ud800", replacement + replacement],
  ["news\ud83d", `news${replacement}`],
  ["\ud83d\ude00", "\ud83d\ude00"],
  ["\ufeffnews", "\ufeffnews"],
  ["", ""],
  ["a\u0000b\r\nc", "a\u0000b\r\nc"],
  ["ü 漢", "ü 漢"],
  ["__proto__", "__proto__"],
  ["x".repeat(100_000), "x".repeat(100_000)]
] as const

describe("a name", () => {
  it.effect.each(
    kinds.flatMap((kind) => names.flatMap((name) => [[...kind, ...name, false], [...kind, ...name, true]] as const))
  )(
    "is what the server tells, and subscribed to once: %s %s",
    ([kind, word, tell, name, told, asBytes]) =>
      Effect.gen(function*() {
        const { a, b, c, hear } = yield* subscriber()
        const { events, failure } = yield* hear<string | Uint8Array>(
          { [kind]: [name] },
          asBytes ? { payload: "bytes" } : {}
        )
        const at = [a, b, c].find((node) => asked(node).length > 0)
        lineTo(at!).send(tell(told, "hello"))
        yield* advance("5 seconds")
        const all = [a, b, c].flatMap(({ connections }) => connections.flatMap(({ received }) => received))
        assert.strictEqual(all.filter((line) => line === `${word} ${told}`).length, 1)
        const [subscribed] = events
        assert.deepInclude(subscribed, { _tag: "Subscribed", name: told })
        assert.deepStrictEqual(messagesOf(events), [asBytes ? new TextEncoder().encode("hello") : "hello"])
        assert.strictEqual(events.length, 2)
        assert.isUndefined(failure())
      })
  )

  it.effect("that is sent like another is the other", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const first = yield* hear({ channels: ["\ud800", "\ud801", replacement, "\ud800"] })
      const second = yield* hear({ channels: ["\udfff"] })
      lineTo(a).send(message(replacement, "hello"))
      yield* settle
      assert.deepStrictEqual(asked(a), [`SUBSCRIBE ${replacement}`])
      assert.deepStrictEqual([brief(first.events), brief(second.events)], [["Subscribed", "hello"], [
        "Subscribed",
        "hello"
      ]])
      yield* first.leave
      assert.deepStrictEqual(asked(a), [`SUBSCRIBE ${replacement}`])
      yield* second.leave
    }))

  it.effect("of keys is told so too", () =>
    Effect.gen(function*() {
      const { a, read } = yield* subscriber()
      const stream = PubSub.keyspace({ keys: "\ud800*" })
      const { events } = yield* read(
        Effect.map(Effect.context<Client>(), (context) => Stream.provideContext(stream, context))
      )
      yield* advance("5 seconds")
      assert.deepStrictEqual(asked(a), [`PSUBSCRIBE __keyspace@0__:${replacement}*`])
      assert.deepStrictEqual(brief(events), ["Subscribed", "Subscribed", "Subscribed"])
    }))

  it.effect("that is a number is written as Redis writes it", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const { events } = yield* hear({ channels: [1, 1n, "1", -0.5] as unknown as ReadonlyArray<string> })
      lineTo(a).send(message("1", "hello"))
      yield* settle
      assert.deepStrictEqual(asked(a), ["SUBSCRIBE 1 -0.5"])
      assert.deepStrictEqual(brief(events), ["Subscribed", "Subscribed", "hello"])
    }))
})

describe("what is no name, or no option", () => {
  const problems: ReadonlyArray<readonly [topics: unknown, options: unknown, problem: string]> = [
    [undefined, {}, `say what to subscribe to as { channels: ["news"] } does, not by undefined`],
    [null, {}, "not by null"],
    ["news", {}, "not by text"],
    [["news"], {}, "not by an array"],
    [{}, {}, "give at least one channel or pattern to subscribe to"],
    [{ channels: [] }, {}, "give at least one channel or pattern to subscribe to"],
    [{ channels: "news" }, {}, `channels has to be an array of names, as ["news"] is, not text`],
    [{ channels: null }, {}, "channels has to be an array of names"],
    [{ patterns: { 0: "a", length: 1 } }, {}, "patterns has to be an array of names"],
    [{ shardChannels: new Set(["a"]) }, {}, "shardChannels has to be an array of names"],
    [{ channels: [undefined] }, {}, "channels[0] has to be text, not undefined"],
    [{ channels: ["a", null] }, {}, "channels[1] has to be text, not null"],
    [{ channels: [undefined, "a"] }, {}, "channels[0] has to be text, not undefined"],
    [{ patterns: [{}] }, {}, "patterns[0] has to be text, not an object"],
    [{ patterns: [["a"]] }, {}, "patterns[0] has to be text, not an array"],
    [{ shardChannels: [NaN] }, {}, "shardChannels[0] has to be text, not NaN"],
    [{ shardChannels: [Infinity] }, {}, "shardChannels[0] has to be text, not Infinity"],
    [{ channels: [true] }, {}, "channels[0] has to be text, not true"],
    [{ channels: [Symbol("a")] }, {}, "channels[0] has to be text, not a symbol"],
    [{ channels: [new Uint8Array([0xff])] }, {}, "channels[0] has to be text, not bytes"],
    [{ channel: ["a"] }, {}, "channel is not an option; did you mean channels?"],
    [{ channels: ["a"] }, null, "options have to be a plain object of payload, buffer and overflow, not null"],
    [{ channels: ["a"] }, "bytes", "options have to be a plain object"],
    [{ channels: ["a"] }, { bufer: 5 }, "bufer is not an option; did you mean buffer?"],
    [{ channels: ["a"] }, { buffer: 0 }, "buffer has to be a whole number from 1 up, not 0"],
    [{ channels: ["a"] }, { buffer: 1.5 }, "buffer has to be a whole number from 1 up, not 1.5"],
    [{ channels: ["a"] }, { buffer: NaN }, "buffer has to be a whole number from 1 up, not NaN"],
    [{ channels: ["a"] }, { buffer: "5" }, "buffer has to be a whole number from 1 up, not text"],
    [{ channels: ["a"] }, { overflow: "dropOldst" }, `did you mean "dropOldest"?`],
    [{ channels: ["a"] }, { overflow: "block" }, `overflow has to be one of "dropOldest", "dropNewest", "fail"`],
    [
      { channels: ["a"] },
      { payload: "byte" },
      `payload has to be a Schema or one of "text", "bytes"; did you mean "bytes"?`
    ],
    [{ channels: ["a"] }, { payload: {} }, `payload has to be a Schema or one of "text", "bytes"`]
  ]

  it.effect.each(problems)(
    "is refused before anybody is asked: %j %j",
    ([topics, options, problem]) =>
      Effect.gen(function*() {
        const { cluster, run } = yield* connected()
        for (
          const open of [
            PubSub.listen(topics as never, options as never),
            Stream.runDrain(PubSub.events(topics as never, options as never))
          ]
        ) {
          const error = yield* Effect.flip(Effect.scoped(run(open)))
          assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "NotSent"])
          assert.include(error.message, problem)
        }
        assert.isFalse([...cluster.nodes.values()].some((node) => asked(node).length > 0))
      })
  )

  it.effect("is refused by the shorter ways too", () =>
    Effect.gen(function*() {
      const { run } = yield* connected()
      const ways = [PubSub.subscribe, PubSub.psubscribe, PubSub.ssubscribe] as const
      for (const way of ways) {
        for (
          const [given, options, problem] of [
            ["news", {}, "has to be an array of names"],
            [undefined, {}, "give at least one channel or pattern"],
            [[undefined], {}, "[0] has to be text"],
            [["a"], { buffr: 1 }, "did you mean buffer?"],
            [["a"], null, "options have to be a plain object"]
          ] as const
        ) {
          const error = yield* Effect.flip(run(Stream.runDrain(way(given as never, options as never))))
          assert.strictEqual(error.reason._tag, "InvalidArgument")
          assert.include(error.message, problem)
        }
      }
      for (
        const [selection, options, problem] of [
          ["session:*", {}, "selection has to be a plain object of keys and events, not text"],
          [null, {}, "selection has to be a plain object"],
          [{ keys: 5 }, {}, "selection.keys has to be text, not a number"],
          [{ events: "expired" }, {}, "selection.events has to be an array of names"],
          [{ events: 5 }, {}, "selection.events has to be an array of names"],
          [{ event: ["expired"] }, {}, "did you mean selection.events?"],
          [{}, { payload: "bytes" }, "payload is not an option"],
          [{}, null, "options have to be a plain object"]
        ] as const
      ) {
        const error = yield* Effect.flip(run(Stream.runDrain(PubSub.keyspace(selection as never, options as never))))
        assert.strictEqual(error.reason._tag, "InvalidArgument")
        assert.include(error.message, problem)
      }
    }))
})

describe("a payload that does not fit its schema", () => {
  it.effect("ends its stream, saying where, and nobody else's", () =>
    Effect.gen(function*() {
      const { a, hear } = yield* subscriber()
      const Order = Schema.fromJsonString(Schema.Struct({ id: Schema.Number }))
      const orders = yield* hear<{ readonly id: number }>({ channels: ["orders"] }, { payload: Order })
      const throwing = yield* hear<string>(
        { channels: ["orders"] },
        {
          payload: Schema.String.check(Schema.makeFilter(() => {
            throw new TypeError("s3cret")
          }))
        }
      )
      const others = yield* hear({ channels: ["orders"] })
      for (const id of [`1`, `"s3cret"`]) lineTo(a).send(message("orders", `{"id":${id}}`))
      yield* settle
      assert.deepStrictEqual(messagesOf(orders.events), [{ id: 1 }])
      assert.strictEqual(
        orders.failure()?.message,
        `the payload does not fit the schema: at ["id"], expected number, received string`
      )
      assert.include(throwing.failure()?.message, "received TypeError")
      assert.notInclude(String(throwing.failure()?.stack), "s3cret")
      assert.strictEqual(messagesOf(others.events).length, 2)
      assert.isUndefined(others.failure())
    }))
})
