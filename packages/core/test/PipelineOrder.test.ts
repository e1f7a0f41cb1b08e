import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Command from "../src/Command.ts"
import * as Redis from "../src/Redis.ts"
import type { RedisError } from "../src/RedisError.ts"
import * as Script from "../src/Script.ts"
import { connected, start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

const loading = Reply.error("LOADING Redis is loading the dataset in memory")
const moved = Reply.error(`MOVED ${slotOfA} b:7000`)
const ask = Reply.error(`ASK ${slotOfA} b:7000`)
const tryAgain = Reply.error("TRYAGAIN Multiple keys request during rehashing of slot")
const other = `{${keyOfA}}:other`
const bytes = new TextEncoder().encode(keyOfA)
const script = Script.make({ lua: "return 1", params: (key: string) => ({ keys: [key] }) })

const answering = Effect.fnUntraced(function*() {
  const nodes = yield* connected()
  for (const node of nodes.cluster.nodes.values()) {
    for (const name of ["MSET", "MULTI"]) node.on(name, Reply.simple("OK"))
    for (const name of ["STRLEN", "EVAL", "EVALSHA", "DEL", "EXISTS"]) node.on(name, Reply.integer(1))
    node.on("INCR", Reply.bulk("no number")).on("MGET", Reply.array([Reply.null, Reply.null])).on(
      "EXEC",
      Reply.array([Reply.null])
    )
  }
  const pipeline = (commands: ReadonlyArray<Command.Any>) =>
    Effect.gen(function*() {
      const fiber = yield* start(nodes.run(Redis.pipeline(commands, { mode: "result" })))
      yield* advance("2 seconds")
      return yield* Fiber.join(fiber)
    })
  return { ...nodes, pipeline }
})

const errorOf = (result: Result.Result<unknown, RedisError>): RedisError =>
  Result.isFailure(result) ? result.failure : assert.fail("it succeeded")

/** How many commands of that name the node was sent. */
const sent = (node: ScriptedNode, name: string): number =>
  node.commands.filter((text) => text.split(" ")[0] === name).length

describe("a command of a pipeline that would be tried again", () => {
  const set = Redis.set(keyOfA, "1")
  const get = Redis.get(keyOfA)

  const overtaken: ReadonlyArray<readonly [what: string, first: Command.Any, later: Command.Any]> = [
    ["a write by a write", set, Redis.del([keyOfA])],
    ["a write by a read", set, Redis.strlen(keyOfA)],
    ["a read by a write", get, Redis.del([keyOfA])],
    ["by the same key as bytes", set, Redis.strlen(bytes)],
    ["as bytes by the same key as text", Redis.set(bytes, "1"), Redis.strlen(keyOfA)],
    ["several keys by one of them", Redis.mset({ [other]: "1", [keyOfA]: "2" }), Redis.strlen(keyOfA)],
    ["one key by several", set, Redis.del([other, keyOfA])],
    ["by a script", set, Redis.eval("return 1", { keys: [other, keyOfA] })],
    ["by a transaction", set, Redis.transaction([Redis.get(other), Redis.get(keyOfA)])],
    ["a transaction", Redis.transaction([Redis.get(other), set]), Redis.strlen(keyOfA)],
    ["by one whose answer can't be used", get, Redis.incr(keyOfA)]
  ]

  it.effect.each(overtaken)(
    "fails when it has been overtaken on its key, and says so: %s",
    ([, first, later]) =>
      Effect.gen(function*() {
        const { a, pipeline } = yield* answering()
        a.once(first.spec.name, loading)
        const [one] = yield* pipeline([first, later])
        const { attempts, delivery, message, overtaken, reason } = errorOf(one)
        assert.deepStrictEqual([reason._tag, delivery, attempts, overtaken], ["ClusterDown", "Rejected", 1, true])
        assert.match(message, /; it was not tried again, since a later command of the pipeline on one of its keys/)
        assert.strictEqual(sent(a, first.spec.name), 1)
      })
  )

  const free: ReadonlyArray<readonly [what: string, first: Command.Any, later: Command.Any]> = [
    ["on another key of its slot", set, Redis.del([other])],
    ["when both only read", get, Redis.strlen(keyOfA)],
    ["when both only read, one as a transaction", Redis.transaction([get]), Redis.strlen(keyOfA)],
    ["when it has no key", Redis.eval("return 1"), Redis.strlen(keyOfA)],
    ["when a script touches other keys", set, Redis.eval("return 1", { keys: [other] })]
  ]

  it.effect.each(free)("is tried again: %s", ([, first, later]) =>
    Effect.gen(function*() {
      const { cluster, pipeline } = yield* answering()
      for (const node of cluster.nodes.values()) node.once(first.spec.name, loading)
      const results = yield* pipeline([first, later])
      assert.deepStrictEqual(results.map(Result.isSuccess), [true, true])
    }))

  it.effect("is tried again when the later one was refused, or was not sent", () =>
    Effect.gen(function*() {
      const { a, pipeline } = yield* answering()
      a.once("SET", loading).on("DEL", Reply.error("ERR no"))
      const [one, two] = yield* pipeline([set, Redis.del([keyOfA])])
      assert.isTrue(Result.isSuccess(one) && Result.isFailure(two))
      assert.deepStrictEqual(a.commands, ["SET bar 1", "DEL bar", "SET bar 1"])
    }))

  it.effect.each([moved, ask, tryAgain])(
    "fails for whatever reason it would be tried again",
    (reply) =>
      Effect.gen(function*() {
        const { a, b, pipeline } = yield* answering()
        a.once("SET", reply)
        const [one] = yield* pipeline([set, Redis.del([keyOfA])])
        assert.deepStrictEqual([errorOf(one).delivery, errorOf(one).overtaken], ["Rejected", true])
        assert.deepStrictEqual([a.commands, b.commands], [["SET bar 1", "DEL bar"], []])
      })
  )

  it.effect("and was lost in flight with a later one fails, though it may be sent twice", () =>
    Effect.gen(function*() {
      const { a, pipeline } = yield* answering()
      a.once("SET", "drop")
      const idempotent = set.pipe(Command.idempotent)
      const [one, two] = yield* pipeline([idempotent, Redis.set(keyOfA, "2")])
      assert.deepStrictEqual([errorOf(one).reason._tag, errorOf(one).delivery], ["ConnectionLost", "MaybeExecuted"])
      assert.isTrue(errorOf(one).overtaken)
      assert.deepStrictEqual([errorOf(two).delivery, errorOf(two).overtaken], ["MaybeExecuted", undefined])
      assert.deepStrictEqual(a.commands, ["SET bar 1", "SET bar 2"])
    }))

  it.effect("goes before later ones that are tried again as well, each in its turn", () =>
    Effect.gen(function*() {
      const { a, pipeline } = yield* answering()
      a.once("SET", "drop").on("SET", Reply.simple("OK"))
      const write = (value: string) => Redis.set(keyOfA, value).pipe(Command.idempotent)
      const [one, two, three] = yield* pipeline([write("1"), Redis.get(other), write("2")])
      assert.isTrue(errorOf(one).overtaken)
      assert.isTrue(Result.isSuccess(two) && Result.isSuccess(three))
      assert.deepStrictEqual(a.commands, ["SET bar 1", `GET ${other}`, "SET bar 2", `GET ${other}`, "SET bar 2"])
    }))

  it.effect("is overtaken by a later message of its channel, and not by one of another", () =>
    Effect.gen(function*() {
      const { a, cluster, pipeline } = yield* answering()
      for (const node of cluster.nodes.values()) node.on("PUBLISH", Reply.integer(0))
      a.once("PUBLISH", loading, loading)
      const [one, two, three] = yield* pipeline([
        Redis.publish(keyOfA, "1"),
        Redis.publish(other, "2"),
        Redis.publish(keyOfA, "3")
      ])
      assert.isTrue(errorOf(one).overtaken)
      assert.isTrue(Result.isSuccess(two) && Result.isSuccess(three))
      assert.strictEqual(sent(a, "PUBLISH"), 4)
    }))

  it.effect("makes a pipeline without mode fail", () =>
    Effect.gen(function*() {
      const { a, run } = yield* answering()
      a.once("SET", loading)
      const error = yield* Effect.flip(run(Redis.pipeline([set, Redis.strlen(keyOfA)])))
      assert.deepStrictEqual([error.command, error.overtaken], ["SET", true])
    }))

  it.effect("in full, since its node does not know the short form of a script, is in order", () =>
    Effect.gen(function*() {
      const { a, pipeline } = yield* answering()
      a.on("EVALSHA", Reply.error("NOSCRIPT No matching script. Please use EVAL."))
      const results = yield* pipeline([script(keyOfA), set, script(keyOfA)])
      assert.isTrue(results.every(Result.isSuccess))
      assert.deepStrictEqual(a.commands.map((line) => line.split(" ")[0]), ["EVAL", "SET", "EVALSHA", "EVAL"])
    }))
})

describe("a command about the whole cluster in a pipeline", () => {
  const whole = Effect.fnUntraced(function*() {
    const nodes = yield* answering()
    for (const node of nodes.cluster.nodes.values()) {
      node.on("FLUSHALL", Reply.simple("OK")).on("DBSIZE", Reply.integer(1)).on("SCRIPT LOAD", Reply.bulk("digest"))
    }
    return nodes
  })

  it.effect("is executed behind what stands before it, and before what follows", () =>
    Effect.gen(function*() {
      const { a, b, pipeline } = yield* whole()
      const results = yield* pipeline([
        Redis.set(keyOfA, "1"),
        Redis.flushall(),
        Redis.dbsize(),
        Redis.set(keyOfA, "2"),
        Redis.set(keyOfB, "3"),
        Redis.scriptLoad("return 1")
      ])
      assert.isTrue(results.every(Result.isSuccess))
      assert.deepStrictEqual(a.commands, ["SET bar 1", "FLUSHALL", "DBSIZE", "SET bar 2", "SCRIPT LOAD return 1"])
      assert.deepStrictEqual(b.commands, ["FLUSHALL", "DBSIZE", "SET k 3", "SCRIPT LOAD return 1"])
    }))

  it.effect("waits for what has to be tried again, and lets nothing overtake it", () =>
    Effect.gen(function*() {
      const { a, pipeline } = yield* whole()
      a.once("SET", loading)
      const results = yield* pipeline([Redis.set(keyOfA, "1"), Redis.flushall(), Redis.set(keyOfA, "2")])
      assert.isTrue(results.every(Result.isSuccess))
      assert.deepStrictEqual(a.commands, ["SET bar 1", "SET bar 1", "FLUSHALL", "SET bar 2"])
    }))

  it.effect("leaves each result in its place, and nothing is sent where one can't be", () =>
    Effect.gen(function*() {
      const { a, pipeline, run } = yield* whole()
      const commands = [Redis.dbsize(), Redis.rename("a", "b"), Redis.get(keyOfA), Redis.dbsize()]
      const results = yield* pipeline(commands)
      assert.deepStrictEqual(results.map(Result.isSuccess), [true, false, true, true])
      assert.deepStrictEqual(results.map(Result.getOrUndefined), [3, undefined, "a:7000", 3])
      const sentBefore = a.commands.length
      yield* Effect.flip(run(Redis.pipeline(commands)))
      assert.strictEqual(a.commands.length, sentBefore)
    }))
})

describe("a pipeline of thousands that all have to be tried again", () => {
  it.effect("finds out what was overtaken in a time that grows as they do", () =>
    Effect.gen(function*() {
      const { a, pipeline } = yield* answering()
      const size = 5000
      a.on("SET", loading).on("DEL", Reply.integer(1))
      const sets = Array.from({ length: size }, (_, i) => Redis.set(`{${keyOfA}}${i}`, "1"))
      const deletes = Array.from({ length: size }, (_, i) => Redis.del([`{${keyOfA}}${i}`]))
      const results = yield* pipeline([...sets, ...deletes])
      assert.strictEqual(results.filter((result) => Result.isFailure(result) && result.failure.overtaken).length, size)
      assert.strictEqual(sent(a, "SET"), size)
    }))
})
