import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as PubSub from "../src/PubSub.ts"
import * as RedirectPolicy from "../src/RedirectPolicy.ts"
import * as Redis from "../src/Redis.ts"
import * as Session from "../src/Session.ts"
import { connected, start } from "./support/client.ts"
import { advance, keyOfA, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"
import { confirms, subscriber } from "./support/subscribers.ts"

const noAuth = Reply.error("NOAUTH Authentication required.")

const credentials = { password: Redacted.make("secret") }

/** From now on a node knows nobody any more of those who are connected. */
const forgets = (node: ScriptedNode, name: string, answer: Parameters<ScriptedNode["on"]>[1]) => {
  const known = new Set(node.connections)
  node.on(name, (args, connection) => {
    if (known.has(connection)) return noAuth
    return typeof answer === "function" ? answer(args, connection) : answer
  })
}

describe("a connection on which nobody is logged in any more", () => {
  it.effect("is made anew, and what it refused goes again: shared by all, in a pipeline, and apart", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ credentials })
      yield* run(Redis.get(keyOfA))
      a.on("BLPOP", Reply.array([Reply.bulk(keyOfA), Reply.bulk("v")]))
      yield* run(Redis.blpop([keyOfA], "1 second"))
      const before = a.connections.length
      forgets(a, "INCR", Reply.integer(7))
      forgets(a, "BLPOP", Reply.array([Reply.bulk(keyOfA), Reply.bulk("w")]))
      const fibers = yield* Effect.forEach([
        Redis.incr(keyOfA),
        Redis.pipeline([Redis.incr(keyOfA)]),
        Redis.blpop([keyOfA], "1 second")
      ], (work) => start(run(work as Effect.Effect<unknown, never, Redis.Redis>)))
      yield* advance("1 second")
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), [7, [7], { key: keyOfA, element: "w" }])
      assert.strictEqual(a.connections.length, before + 2)
      assert.strictEqual(a.live.length, 2)
    }))

  it.effect("answers what it was sent before it ends", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ credentials })
      a.once("INCR", noAuth, "hold").on("INCR", Reply.integer(3))
      const refused = yield* start(run(Redis.incr(keyOfA)))
      const answered = yield* start(run(Redis.incr(keyOfA)))
      yield* settle
      a.connections.find(({ received }) => received.includes("INCR bar"))!.release(Reply.integer(2))
      yield* advance("1 second")
      assert.deepStrictEqual(yield* Fiber.joinAll([refused, answered]), [3, 2])
    }))

  it.effect("is told of where nothing is tried again", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ credentials, redirects: RedirectPolicy.none })
      forgets(a, "INCR", Reply.integer(7))
      const error = yield* Effect.flip(run(Redis.incr(keyOfA)))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionLost", "Rejected"])
      assert.include(error.message, "NOAUTH")
      yield* advance("1 second")
      assert.strictEqual(yield* run(Redis.incr(keyOfA)), 7)
    }))

  it.effect("answers all that waits for room on it", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ credentials, maxInFlight: 1 })
      forgets(a, "INCR", Reply.integer(7))
      const fibers = yield* Effect.forEach(Array(5), () => start(run(Redis.incr(keyOfA))))
      yield* advance("1 second")
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), [7, 7, 7, 7, 7])
    }))

  it.effect("runs a transaction once, on the next", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ credentials })
      forgets(a, "MULTI", Reply.simple("OK"))
      forgets(a, "INCR", Reply.simple("QUEUED"))
      forgets(a, "EXEC", Reply.array([Reply.integer(7)]))
      const fiber = yield* start(run(Redis.transaction([Redis.incr(keyOfA)])))
      yield* advance("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [7])
    }))

  it.effect("runs no transaction again of which a part was executed by itself", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ credentials })
      a.on("MULTI", noAuth).on("INCR", Reply.integer(1)).on("EXEC", noAuth)
      const fiber = yield* start(Effect.flip(run(Redis.transaction([Redis.incr(keyOfA)]))))
      yield* advance("1 second")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.delivery, a.count("INCR bar")], ["MaybeExecuted", 1])
    }))

  it.effect("is not what a script says of itself", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ credentials })
      a.on("EVAL", Reply.error("NOAUTH says the script"))
      const before = a.connections.length
      const error = yield* Effect.flip(run(Redis.command("EVAL", ["return 1", 1, keyOfA])))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ServerError", "MaybeExecuted"])
      yield* advance("2 seconds")
      assert.deepStrictEqual([a.connections.length, a.count("EVAL return 1 1 bar")], [before, 1])
    }))

  it.effect("stays where its session has logged out itself", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ credentials })
      a.on("RESET", Reply.simple("RESET")).once("INCR", noAuth).on("INCR", Reply.integer(1))
      a.on("AUTH", Reply.simple("OK"))
      const session = Session.use(
        { keys: keyOfA },
        Effect.gen(function*() {
          yield* Redis.command("RESET")
          const error = yield* Effect.flip(Redis.incr(keyOfA))
          yield* Redis.command("AUTH", ["secret"])
          return [error.reason._tag, yield* Redis.incr(keyOfA)]
        })
      )
      assert.deepStrictEqual(yield* run(session), ["AuthenticationFailed", 1])
    }))

  it.effect("loses subscriptions for a while, and no stream ends", () =>
    Effect.gen(function*() {
      const { a, run } = yield* subscriber({ credentials })
      a.once("SUBSCRIBE", noAuth)
      const fiber = yield* start(run(PubSub.listen({ channels: ["one", "two"] })))
      yield* advance("2 seconds")
      yield* Effect.asVoid(Fiber.join(fiber))
      assert.isAbove(a.count("SUBSCRIBE one two"), 1)
    }))
})

describe("a subscription that meets a script that runs", () => {
  it.effect("is asked for again, all names together, until it has ended", () =>
    Effect.gen(function*() {
      const { a, run } = yield* subscriber()
      a.on("SUBSCRIBE", Reply.error("BUSY Redis is busy running a script. You can only call SCRIPT KILL."))
      const fiber = yield* start(run(PubSub.listen({ channels: ["one", "two"] })))
      yield* advance("5 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      confirms(a)
      yield* advance("1 second")
      yield* Effect.asVoid(Fiber.join(fiber))
      assert.strictEqual(a.count("SUBSCRIBE one"), 0)
    }))
})
