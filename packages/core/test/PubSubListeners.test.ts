import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as PubSub from "../src/PubSub.ts"
import { start } from "./support/client.ts"
import { settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import { asked, confirmation, lineTo, message, messagesOf, subscriber } from "./support/subscribers.ts"

const topics = { channels: ["news"] }

/** Hangs something into a fiber that throws when the fiber ends. */
const sabotage = <A, E>(fiber: Fiber.Fiber<A, E>): void => {
  fiber.addObserver(() => {
    throw new Error("an observer of somebody's")
  })
}

describe("a listener", () => {
  it.effect("that throws, dies, fails or is interrupted takes no other with it", () =>
    Effect.gen(function*() {
      const { a, hear, run } = yield* subscriber()
      const before = yield* hear(topics)
      const bad = [
        () => Effect.die("broken"),
        () => Effect.fail("broken"),
        () => Effect.interrupt,
        () => {
          throw new Error("broken")
        }
      ]
      const fibers = yield* Effect.forEach(bad, (handle) =>
        start(run(Stream.runForEach(PubSub.subscribe(["news"]), handle))))
      const never = yield* start(run(Stream.runForEach(PubSub.subscribe(["news"]), () =>
        Effect.never)))
      yield* settle
      const after = yield* hear(topics)
      lineTo(a).send(message("news", "1"))
      yield* settle
      yield* Fiber.interrupt(never)
      lineTo(a).send(message("news", "2"))
      yield* settle
      for (const fiber of fibers) assert.strictEqual(fiber.pollUnsafe()?._tag, "Failure")
      assert.deepStrictEqual([messagesOf(before.events), messagesOf(after.events)], [["1", "2"], ["1", "2"]])
      assert.strictEqual(a.connections.filter(({ received }) => received.includes("SUBSCRIBE news")).length, 1)
    }))

  it.effect("whose fiber's observer throws takes no other with it: as it ends with a message", () =>
    Effect.gen(function*() {
      const { a, hear, run } = yield* subscriber()
      const before = yield* hear(topics)
      for (const buffer of [1, 100]) {
        const one = Stream.runHead(PubSub.subscribe(["news"], { buffer }))
        sabotage(yield* start(run(one)))
      }
      yield* settle
      const after = yield* hear(topics)
      for (const text of ["1", "2"]) lineTo(a).send(message("news", text))
      yield* settle
      assert.deepStrictEqual([messagesOf(before.events), messagesOf(after.events)], [["1", "2"], ["1", "2"]])
    }))

  it.effect("whose fiber's observer throws takes no other with it: as it is confirmed", () =>
    Effect.gen(function*() {
      const { a, hear, run } = yield* subscriber()
      a.on("SUBSCRIBE", "hold")
      const scope = yield* Effect.scope
      const listen = Scope.provide(run(PubSub.listen(topics)), scope)
      const first = yield* start(listen)
      sabotage(first)
      const second = yield* start(listen)
      yield* settle
      lineTo(a).release([confirmation("subscribe", "news")])
      yield* settle
      assert.strictEqual((yield* Fiber.await(second))._tag, "Success")
      const third = yield* hear(topics)
      lineTo(a).send(message("news", "1"))
      yield* settle
      assert.deepStrictEqual(messagesOf(third.events), ["1"])
    }))

  it.effect("whose fiber's observer throws takes no other with it: as it is refused", () =>
    Effect.gen(function*() {
      const { a, run } = yield* subscriber()
      a.on("SUBSCRIBE", "hold")
      const scope = yield* Effect.scope
      const listen = Scope.provide(run(PubSub.listen(topics)), scope)
      const first = yield* start(listen)
      sabotage(first)
      const second = yield* start(listen)
      yield* settle
      lineTo(a).release(Reply.error("NOPERM no"))
      yield* settle
      const error = yield* Effect.flip(Fiber.join(second))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ServerError", "Rejected"])
    }))

  it.effect("that leaves at once has nobody subscribe for it", () =>
    Effect.gen(function*() {
      const { a, b, c, cluster, run, service } = yield* subscriber()
      const open = cluster.live
      const fiber = yield* start(run(Stream.runDrain(PubSub.subscribe(["news"]))))
      yield* Fiber.interrupt(fiber)
      const ignore = () => {}
      const none = { bytes: false, awaited: new Set<never>(), onMessages: ignore, onNotice: ignore }
      const listener = { ...none, onReady: ignore, onFailure: ignore }
      service.client.subscriptions.leave(service.client.subscriptions.listen("channel", "news", listener), listener)
      yield* settle
      assert.deepStrictEqual([a, b, c].flatMap(asked), [])
      assert.strictEqual(cluster.live, open)
    }))
})
