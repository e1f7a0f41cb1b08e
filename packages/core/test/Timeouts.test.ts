import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import * as Address from "../src/Address.ts"
import * as Command from "../src/Command.ts"
import * as Redis from "../src/Redis.ts"
import * as Script from "../src/Script.ts"
import * as Session from "../src/Session.ts"
import { carrier, connected, onNodesOf, start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const hasty = Redis.get(keyOfA).pipe(Command.timeout("50 millis"))
const outcome = ({ delivery, reason }: Redis.RedisError) => [reason._tag, delivery]

describe("a command with a timeout of its own", () => {
  it.effect("fails then, however long others may take", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("GET", "hold")
      const fiber = yield* start(Effect.flip(run(hasty)))
      yield* advance("45 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("10 millis")
      assert.deepStrictEqual(outcome(yield* Fiber.join(fiber)), ["Timeout", "MaybeExecuted"])
    }))

  it.effect("fails then, also when it comes while others are waited for", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("GET", "hold")
      const patient = yield* start(run(Redis.get(keyOfA)))
      yield* advance("300 millis")
      const fiber = yield* start(Effect.flip(run(hasty)))
      yield* advance("55 millis")
      assert.deepStrictEqual(outcome(yield* Fiber.join(fiber)), ["Timeout", "MaybeExecuted"])
      assert.isUndefined(patient.pollUnsafe())
      yield* advance("20 seconds")
      assert.isUndefined(patient.pollUnsafe())
      yield* Fiber.interrupt(patient)
    }))

  it.effect("may take longer than the others", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ commandTimeout: "1 second" })
      a.on("GET", "hold")
      const fiber = yield* start(run(Redis.get(keyOfA).pipe(Command.timeout("10 seconds"))))
      yield* advance("9 seconds")
      carrier(a, "GET bar").release(Reply.bulk("slow"))
      assert.strictEqual(yield* Fiber.join(fiber), "slow")
    }))

  it.effect("leaves its late reply to nobody (trap 37)", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.once("GET", "hold")
      const fiber = yield* start(Effect.flip(run(hasty)))
      yield* advance("60 millis")
      yield* Fiber.join(fiber)
      const next = yield* start(run(Redis.get(keyOfA)))
      yield* settle
      carrier(a, "GET bar").release(Reply.bulk("late"))
      assert.strictEqual(yield* Fiber.join(next), "a:7000")
    }))

  it.effect("has it for all its tries together", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("GET", Reply.error("CLUSTERDOWN The cluster is down"))
      const fiber = yield* start(Effect.flip(run(hasty)))
      yield* TestClock.adjust("49 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual(outcome(error), ["Timeout", "Rejected"])
      assert.include(error.message, "CLUSTERDOWN")
      assert.isAtLeast(error.attempts, 2)
    }))

  it.effect("has it for its redirects as well", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* connected()
      a.on("GET", () => {
        b.delay = 1000
        return Reply.error("MOVED 5061 b:7000")
      })
      const fiber = yield* start(Effect.flip(run(Redis.get(keyOfA).pipe(Command.timeout("500 millis")))))
      yield* advance("550 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Timeout")
    }))

  it.effect("is not sent any more once it has waited so long for room", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected({ maxInFlight: 1 })
      a.on("SET", "hold")
      yield* start(Effect.ignore(run(Redis.set(keyOfA, "1"))))
      const fiber = yield* start(Effect.flip(run(hasty)))
      yield* advance("60 millis")
      assert.deepStrictEqual(outcome(yield* Fiber.join(fiber)), ["Timeout", "NotSent"])
      carrier(a, "SET bar 1").release(Reply.simple("OK"))
      yield* settle
      assert.strictEqual(a.count("GET bar"), 0)
    }))

  it.effect("is not sent any more once it has waited so long for a connection", () =>
    Effect.gen(function*() {
      const { b, run } = yield* connected()
      b.accepts = "neither"
      const fiber = yield* start(Effect.flip(run(Redis.get(keyOfB).pipe(Command.timeout("500 millis")))))
      yield* advance("450 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("200 millis")
      assert.deepStrictEqual(outcome(yield* Fiber.join(fiber)), ["Timeout", "NotSent"])
    }))

  it.effect("keeps it through what is said about it later", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("GET", "hold")
      const variants: ReadonlyArray<Command.Any> = [
        hasty.pipe(Command.option),
        hasty.pipe(Command.bytes),
        hasty.pipe(Command.idempotent),
        hasty.pipe(Command.map(String)),
        hasty.pipe(Command.schema(Schema.String))
      ]
      const fibers = yield* Effect.forEach(variants, (command) => start(Effect.flip(run(command))))
      yield* advance("60 millis")
      for (const fiber of fibers) assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Timeout")
    }))

  it.effect("that is a script has it for the second, full try as well", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("EVALSHA", Reply.error("NOSCRIPT No matching script")).on("EVAL", "hold")
      const script = Script.make({ lua: "return 1", params: (key: string) => ({ keys: [key] }) })
      const fiber = yield* start(Effect.flip(run(script(keyOfA).pipe(Command.timeout("50 millis")))))
      yield* advance("60 millis")
      assert.deepStrictEqual(outcome(yield* Fiber.join(fiber)), ["Timeout", "MaybeExecuted"])
      assert.strictEqual(a.count("EVAL return 1 1 bar"), 1)
    }))

  it.effect("has it in a session, at a node, on all nodes and in a transaction", () =>
    Effect.gen(function*() {
      const { cluster, run, service } = yield* connected()
      for (const node of cluster.nodes.values()) node.on("GET", "hold").on("DBSIZE", "hold").on("MULTI", "hold")
      const works: ReadonlyArray<Effect.Effect<unknown, Redis.RedisError>> = [
        run(Session.use({ keys: keyOfA }, hasty)),
        onNodesOf(service).executeOn(Address.tcp("a", 7000), hasty),
        run(Redis.dbsize().pipe(Command.timeout("50 millis"))),
        run(Redis.transaction([Redis.get(keyOfA)]).pipe(Command.timeout("50 millis"))),
        run(Session.use({ keys: keyOfA }, Redis.transaction([Redis.get(keyOfA)]).pipe(Command.timeout("50 millis"))))
      ]
      const fibers = yield* Effect.forEach(works, (work) => start(Effect.flip(work)))
      yield* advance("60 millis")
      for (const fiber of fibers) {
        assert.deepStrictEqual(outcome(yield* Fiber.join(fiber)), ["Timeout", "MaybeExecuted"])
      }
    }))

  it.effect.each([0, -1, NaN, "soon" as "1 second"])(
    "is refused where that is no time: %s",
    (time) =>
      Effect.gen(function*() {
        const { a, run } = yield* connected()
        const error = yield* Effect.flip(run(Redis.get(keyOfA).pipe(Command.timeout(time))))
        assert.deepStrictEqual(outcome(error), ["InvalidArgument", "NotSent"])
        assert.include(error.message, "timeout")
        assert.deepStrictEqual(a.commands, [])
      })
  )
})

describe("timeouts in a pipeline", () => {
  it.effect("are each command's own", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* connected()
      a.once("GET", "hold", "hold")
      b.on("GET", "hold")
      const pipeline = Redis.pipeline([
        hasty,
        Redis.get(keyOfA),
        Redis.get(keyOfB).pipe(Command.timeout("200 millis")),
        Redis.set(keyOfA, "1")
      ], { mode: "result" })
      const fiber = yield* start(run(pipeline))
      yield* advance("250 millis")
      const peer = carrier(a, "GET bar")
      peer.release(Reply.bulk("late"))
      peer.release(Reply.bulk("in time"))
      const [first, second, third, fourth] = yield* Fiber.join(fiber)
      assert.isTrue(first._tag === "Failure" && first.failure.reason._tag === "Timeout")
      assert.isTrue(second._tag === "Success" && second.success === "in time")
      assert.isTrue(third._tag === "Failure" && third.failure.reason._tag === "Timeout")
      assert.isTrue(fourth._tag === "Success" && fourth.success === "OK")
    }))

  it.effect("fail it with the first, though the others have been executed", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.once("GET", "hold")
      const fiber = yield* start(Effect.flip(run(Redis.pipeline([Redis.set(keyOfB, "1"), hasty]))))
      yield* advance("60 millis")
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([...outcome(error), error.command], ["Timeout", "MaybeExecuted", "GET"])
    }))

  it.effect("count from the beginning of the pipeline, over redirects and pauses", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.on("GET", Reply.error("TRYAGAIN in pieces"))
      const fiber = yield* start(run(Redis.pipeline([hasty, Redis.set(keyOfB, "1")], { mode: "result" })))
      yield* advance("50 millis")
      const [first, second] = yield* Fiber.join(fiber)
      assert.isTrue(first._tag === "Failure" && first.failure.reason._tag === "Timeout")
      assert.strictEqual(second._tag, "Success")
    }))

  it.effect("one that can't be is told of before anything is sent", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      const wrong = Redis.get(keyOfA).pipe(Command.timeout(0))
      const error = yield* Effect.flip(run(Redis.pipeline([Redis.set(keyOfA, "1"), wrong])))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.deepStrictEqual(a.commands, [])
    }))
})
