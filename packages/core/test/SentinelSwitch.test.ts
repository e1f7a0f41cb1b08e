/** How a client of sentinels notices that the primary is another one, and what becomes of commands. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redis from "../src/Redis.ts"
import * as Session from "../src/Session.ts"
import { start } from "./support/client.ts"
import { advance, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import { clientOf, group, primary, questions, readonly, say } from "./support/sentinels.ts"

const all = ["s1:26379", "s2:26379", "s3:26379"]

describe("a switch", () => {
  it.effect("is heard from any sentinel, at once", () =>
    Effect.gen(function*() {
      for (const index of [0, 1, 2]) {
        const { cluster, failOver, sentinels, switched } = group()
        const { primaryKey } = yield* clientOf(cluster)
        failOver()
        switched(sentinels[index])
        yield* advance("250 millis")
        assert.strictEqual(yield* primaryKey, "b:6379")
      }
    }))

  it.effect("that one sentinel knows of, and is the last to say so, is believed all the same", () =>
    Effect.gen(function*() {
      const { b, cluster, knowledge, sentinels } = group()
      const { primaryKey, refresh } = yield* clientOf(cluster, { given: all })
      yield* advance("1 second")
      b.on("ROLE", primary)
      Object.assign(knowledge[2], { primary: "b:6379", epoch: 2 })
      sentinels[2].delay = 30
      const refreshed = yield* start(refresh)
      yield* advance("250 millis")
      yield* Fiber.join(refreshed)
      assert.strictEqual(yield* primaryKey, "b:6379")
    }))

  it.effect("of another name is not looked into, and one that is announced falsely changes nothing", () =>
    Effect.gen(function*() {
      const { cluster, sentinels } = group()
      const { primaryKey } = yield* clientOf(cluster)
      yield* advance("1 second")
      const before = questions(...sentinels)
      say(sentinels[0], "+switch-master", "yourmaster a 6379 b 6379")
      say(sentinels[0], "+sdown", "slave b:6379 b 6379 @ yourmaster a 6379")
      yield* advance("1 second")
      assert.strictEqual(questions(...sentinels), before)
      say(sentinels[0], "+switch-master", "mymaster a 6379 evil 6379")
      say(sentinels[0], "+switch-master", "")
      yield* advance("1 second")
      assert.strictEqual(yield* primaryKey, "a:6379")
      assert.isAbove(questions(...sentinels), before)
      assert.isFalse(cluster.nodes.has("evil:6379"))
    }))

  it.effect("that no sentinel told of is found by asking, within seconds", () =>
    Effect.gen(function*() {
      const { cluster, failOver } = group()
      const { primaryKey } = yield* clientOf(cluster)
      failOver()
      yield* advance("7 seconds")
      assert.strictEqual(yield* primaryKey, "b:6379")
    }))

  it.effect("that was missed while the connection to a sentinel was lost is found once it is open again", () =>
    Effect.gen(function*() {
      const { cluster, failOver, knowledge, sentinels } = group()
      for (const own of knowledge) own.sentinels = []
      const { primaryKey } = yield* clientOf(cluster)
      yield* advance("2 seconds")
      sentinels[0].drop()
      failOver()
      yield* advance("1 second")
      assert.strictEqual(yield* primaryKey, "b:6379")
    }))

  it.effect("to a server that is no primary yet is made once it is", () =>
    Effect.gen(function*() {
      const { b, cluster, elect, sentinels, switched } = group()
      const { primaryKey } = yield* clientOf(cluster)
      elect("b:6379")
      switched(...sentinels)
      yield* advance("2 seconds")
      assert.strictEqual(yield* primaryKey, "a:6379")
      b.on("ROLE", primary)
      yield* advance("900 millis")
      assert.strictEqual(yield* primaryKey, "b:6379")
    }))

  it.effect("while a sentinel hangs takes no longer", () =>
    Effect.gen(function*() {
      const { cluster, failOver, sentinels, switched } = group()
      const { primaryKey } = yield* clientOf(cluster, { given: all })
      sentinels[0].frozen = true
      failOver()
      switched(sentinels[1])
      yield* advance("400 millis")
      assert.strictEqual(yield* primaryKey, "b:6379")
    }))

  it.effect("with a demoted primary that answers READONLY is noticed by that", () =>
    Effect.gen(function*() {
      const { a, cluster, failOver } = group()
      const { primaryKey, run } = yield* clientOf(cluster)
      yield* run(Redis.set("k", "1"))
      failOver()
      a.on("SET", readonly)
      const write = yield* start(run(Redis.set("k", "2")))
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(write), "OK")
      assert.strictEqual(yield* primaryKey, "b:6379")
    }))

  it.effect("lets writes that came while the primary was away go on, each once", () =>
    Effect.gen(function*() {
      const { a, b, cluster, failOver, sentinels, switched } = group()
      const { run } = yield* clientOf(cluster)
      a.accepts = "none"
      a.drop()
      const writes = yield* Effect.forEach(["1", "2", "3"], (value) => start(run(Redis.set("k", value))))
      yield* advance("3 seconds")
      failOver()
      switched(...sentinels)
      yield* advance("500 millis")
      assert.deepStrictEqual(yield* Effect.forEach(writes, Fiber.join), ["OK", "OK", "OK"])
      assert.deepStrictEqual(b.commands, ["SET k 1", "SET k 2", "SET k 3"])
    }))
})

describe("a primary that hangs and is replaced", () => {
  it.effect("fails what is in flight soon after the switch, moves over what may be repeated, and all that was not sent", () =>
    Effect.gen(function*() {
      const { a, b, cluster, failOver, sentinels, switched } = group()
      const { run } = yield* clientOf(cluster, { maxInFlight: 3 })
      yield* run(Redis.set("k", "0"))
      a.frozen = true
      const write = yield* start(Effect.flip(run(Redis.set("k", "1"))))
      const read = yield* start(run(Redis.get("k")))
      yield* start(Effect.ignore(run(Redis.get("k"))))
      const unsent = yield* start(run(Redis.set("k", "2")))
      yield* advance("1 second")
      assert.isUndefined(write.pollUnsafe())
      failOver()
      // It says nothing any more, of its role either.
      switched(sentinels[0])
      yield* advance("500 millis")
      const { delivery, reason } = yield* Fiber.join(write)
      assert.deepStrictEqual([reason._tag, delivery], ["ConnectionLost", "MaybeExecuted"])
      assert.strictEqual(yield* Fiber.join(read), "b:6379")
      assert.strictEqual(yield* Fiber.join(unsent), "OK")
      assert.include(b.commands, "SET k 2")
    }))

  it.effect("is not waited for by whoever asks for its role when the switch is told of", () =>
    Effect.gen(function*() {
      const { a, cluster, failOver, sentinels, switched } = group()
      const { primaryKey, refresh } = yield* clientOf(cluster)
      yield* advance("1 second")
      a.frozen = true
      yield* start(Effect.ignore(refresh))
      yield* advance("100 millis")
      failOver()
      switched(sentinels[2])
      yield* advance("300 millis")
      assert.strictEqual(yield* primaryKey, "b:6379")
    }))

  it.effect("lets go of commands that block there, and of sessions", () =>
    Effect.gen(function*() {
      const { a, cluster, failOver, sentinels, switched } = group()
      const { run } = yield* clientOf(cluster)
      a.on("BLPOP", "hold").on("INCR", "hold")
      const popped = yield* start(Effect.flip(run(Redis.blpop(["k"], "1 hour"))))
      const session = yield* start(Effect.flip(run(Session.use({ keys: ["k"] }, Redis.incr("k")))))
      yield* advance("1 second")
      assert.isAtLeast(a.live.length, 3)
      a.frozen = true
      failOver()
      switched(sentinels[0])
      yield* advance("500 millis")
      for (const { delivery, reason } of [yield* Fiber.join(popped), yield* Fiber.join(session)]) {
        assert.deepStrictEqual([reason._tag, delivery], ["ConnectionLost", "MaybeExecuted"])
      }
    }))

  it.effect("and a primary that is alive when it is replaced answers what is in flight", () =>
    Effect.gen(function*() {
      const { a, cluster, failOver, sentinels, switched } = group()
      const { run } = yield* clientOf(cluster)
      a.on("SET", "hold")
      const write = yield* start(run(Redis.set("k", "1")))
      yield* settle
      failOver()
      switched(sentinels[0])
      yield* settle
      a.live.find(({ received }) => received.includes("SET k 1"))?.release(Reply.simple("OK"))
      yield* advance("1 second")
      assert.strictEqual(yield* Fiber.join(write), "OK")
    }))
})
