import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as PubSub from "../src/PubSub.ts"
import { connected, start } from "./support/client.ts"
import { advance, settle } from "./support/scenes.ts"
import {
  asked,
  brief,
  confirms,
  lineTo,
  message,
  messagesOf,
  pmessage,
  smessage,
  subscriber
} from "./support/subscribers.ts"

const namesOf = (count: number) => Array.from({ length: count }, (_, i) => `topic:${i}`)

describe("a subscription to a great many", () => {
  it.effect.each(["channels", "patterns", "shardChannels"] as const)(
    "is told of each, and has room for messages all the same: %s",
    (kind) =>
      Effect.gen(function*() {
        const { a, b, c, run } = yield* subscriber()
        const names = namesOf(150_000)
        const last = "topic:149999"
        const tell = {
          channels: message(last, "hello"),
          patterns: pmessage(last, last, "hello"),
          shardChannels: smessage(last, "hello")
        }
        const stream = yield* run(PubSub.listen({ [kind]: names }, { buffer: 1, overflow: "fail" }))
        const at = [a, b, c].find((node) => asked(node).some((line) => line.includes(last)))
        lineTo(at!).send(tell[kind])
        yield* settle
        const told = yield* Stream.runCollect(Stream.take(stream, 150_001))
        assert.strictEqual(
          new Set(told.flatMap((event) => event._tag === "Subscribed" ? [event.name] : [])).size,
          150_000
        )
        assert.deepStrictEqual(messagesOf(told), ["hello"])
      })
  )

  it.effect("survives losses that nobody reads of meanwhile", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* subscriber()
      const count = 50_000
      const stream = yield* run(PubSub.listen({ channels: namesOf(count) }, { buffer: 1 }))
      for (let losses = 0; losses < 3; losses++) {
        const at = [a, b, c].find(({ live }) =>
          live.some(({ received }) => received.some((line) => line.startsWith("SUBSCRIBE")))
        )
        lineTo(at!).drop()
        yield* advance("500 millis")
      }
      const told = yield* Stream.runCollect(Stream.take(stream, count * 13))
      assert.strictEqual(told.filter(({ _tag }) => _tag === "Subscribed").length, count * 4)
      for (const tag of ["Unsubscribed", "Moved", "Gap"]) {
        assert.strictEqual(told.filter(({ _tag }) => _tag === tag).length, count * 3, tag)
      }
    }))

  it.effect("keeps nothing but messages where nothing else is asked for", () =>
    Effect.gen(function*() {
      const { a, cluster, run } = yield* connected()
      for (const node of cluster.nodes.values()) confirms(node)
      const count = 120_000
      const reading = yield* start(
        run(Stream.runCollect(Stream.take(PubSub.subscribe(namesOf(count), { buffer: 1, overflow: "fail" }), 1)))
      )
      yield* advance("1 second")
      lineTo(a).send(message("topic:7", "hello"))
      assert.deepStrictEqual(messagesOf(yield* Fiber.join(reading)), ["hello"])
    }))

  it.effect("by as many streams costs each its own, and ends as it began", () =>
    Effect.gen(function*() {
      const { a, cluster, hear } = yield* subscriber()
      const count = 3000
      const heard = yield* Effect.forEach(namesOf(count), (name) => hear({ channels: [name] }))
      assert.strictEqual(asked(a).filter((line) => line.startsWith("SUBSCRIBE")).length, count)
      lineTo(a).send(message("topic:2999", "hello"))
      yield* settle
      assert.deepStrictEqual(brief(heard[2999].events), ["Subscribed", "hello"])
      assert.deepStrictEqual(brief(heard[0].events), ["Subscribed"])
      const open = cluster.live
      for (const { leave } of heard) yield* leave
      assert.strictEqual(asked(a).filter((line) => line.startsWith("UNSUBSCRIBE")).length, count - 1)
      assert.strictEqual(cluster.live, open - 1)
    }))
})
