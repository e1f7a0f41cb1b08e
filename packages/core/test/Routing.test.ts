import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import type * as Command from "../src/Command.ts"
import * as Redis from "../src/Redis.ts"
import { connected, start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, keyOfC, settle, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

const named = (...nodes: ReadonlyArray<ScriptedNode>) =>
  Object.fromEntries(nodes.map(({ commands, key }) => [key.slice(0, 1), commands]))

/** A key that is stored with that of a node. */
const beside = (key: string) => `{${key}}2`

describe("a command goes to the node of its keys", () => {
  const cases: ReadonlyArray<readonly [name: string, args: ReadonlyArray<string>]> = [
    ["OBJECT", ["ENCODING", keyOfB]],
    ["EVAL", ["return ARGV[1]", "1", keyOfB, keyOfA]],
    ["EVALSHA", ["0123", "2", keyOfB, beside(keyOfB), keyOfA]],
    ["FCALL", ["fun", "1", keyOfB, keyOfA]],
    ["BITOP", ["AND", keyOfB, beside(keyOfB)]],
    ["XREAD", ["COUNT", "5", "STREAMS", keyOfB, "0"]],
    ["XREADGROUP", ["GROUP", keyOfA, keyOfC, "STREAMS", keyOfB, ">"]],
    ["XINFO", ["STREAM", keyOfB]],
    ["MIGRATE", ["host", "6379", keyOfB, "0", "1000"]],
    ["MIGRATE", ["host", "6379", "", "0", "1000", "KEYS", keyOfB, beside(keyOfB)]],
    ["ZUNION", ["2", keyOfB, beside(keyOfB), "WEIGHTS", "1", "2"]],
    ["LMPOP", ["1", keyOfB, "LEFT"]],
    ["MEMORY", ["USAGE", keyOfB]]
  ]
  it.effect.each(cases)(
    "wherever they stand among its arguments: %s %j (trap 33)",
    ([name, args]) =>
      Effect.gen(function*() {
        const { a, b, c, run } = yield* connected()
        for (const node of [a, b, c]) node.on(name, Reply.integer(1)).on(`${name} ${args[0]}`, Reply.integer(1))
        assert.strictEqual(yield* run(Redis.command(name, args)), 1)
        assert.deepStrictEqual(named(a, b, c), { a: [], b: [[name, ...args].join(" ")], c: [] })
      })
  )

  it.effect("of one that nobody knows, they are where its sender says (trap 33)", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* connected()
      b.on("NEW.CMD", Reply.integer(1))
      yield* run(Redis.command("NEW.CMD", [keyOfA, keyOfB], { keys: [1] }))
      assert.deepStrictEqual(named(a, b, c), { a: [], b: ["NEW.CMD bar k"], c: [] })
    }))

  it.effect("or of its channel, unless that one can't be reached, and then to any other", () =>
    Effect.gen(function*() {
      const { a, cluster, run } = yield* connected()
      for (const node of cluster.nodes.values()) node.on("PUBLISH", Reply.integer(0))
      yield* run(Redis.publish(keyOfA, "1"))
      assert.strictEqual(a.count("PUBLISH bar 1"), 1)
      a.accepts = "none"
      a.drop()
      yield* advance("50 millis")
      for (let i = 0; i < 3; i++) yield* run(Redis.publish(keyOfA, "2"))
      assert.strictEqual(a.count("PUBLISH bar 2"), 0)
    }))

  it.effect("and to one node although it is about all, where only the caller could join the answers", () =>
    Effect.gen(function*() {
      const { cluster, run } = yield* connected()
      for (const node of cluster.nodes.values()) node.on("INFO", Reply.bulk(node.key))
      yield* run(Redis.info())
      const asked = Array.from(cluster.nodes.values(), (node) => node.count("INFO"))
      assert.deepStrictEqual(asked.toSorted(), [0, 0, 1])
    }))

  it.effect("and takes turns among the primaries when it has none", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* connected()
      for (const node of [a, b, c]) node.on("ECHO", Reply.bulk("hi")).on("EVAL", Reply.integer(1))
      yield* Effect.replicateEffect(run(Redis.echo("hi")), 3)
      yield* Effect.replicateEffect(run(Redis.command("EVAL", ["return 1", 0, keyOfA])), 3)
      assert.deepStrictEqual([a, b, c].map(({ commands }) => commands), [
        ["ECHO hi", "EVAL return 1 0 bar"],
        ["ECHO hi", "EVAL return 1 0 bar"],
        ["ECHO hi", "EVAL return 1 0 bar"]
      ])
    }))
})

describe("a command on keys of several slots", () => {
  const cases: ReadonlyArray<readonly [name: string, command: (other: string) => Command.Any]> = [
    ["MSETNX", (other) => Redis.msetnx({ [keyOfA]: "1", [other]: "2" })],
    ["RENAME", (other) => Redis.rename(keyOfA, other)],
    ["SUNIONSTORE", (other) => Redis.command("SUNIONSTORE", [keyOfA, other])],
    ["BITOP", (other) => Redis.command("BITOP", ["AND", keyOfA, other])],
    ["EVAL", (other) => Redis.command("EVAL", ["return 1", 2, keyOfA, other])]
  ]
  it.effect.each(cases)(
    "is never split, but refused before it is sent: %s (trap 27)",
    ([name, command]) =>
      Effect.gen(function*() {
        const { a, b, c, run } = yield* connected()
        a.on(name, Reply.error("ERR it came as one"))
        const error = yield* Effect.flip(run(command(keyOfB)))
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["CrossSlot", "NotSent"])
        assert.deepStrictEqual(named(a, b, c), { a: [], b: [], c: [] })
        const whole = yield* Effect.flip(run(command(beside(keyOfA))))
        assert.include(whole.message, "it came as one")
        assert.deepStrictEqual(named(a, b, c), { a: [a.commands[0]], b: [], c: [] })
      })
  )
})

describe("writes of one slot", () => {
  const values = Array.from({ length: 20 }, (_, n) => `${n}`)
  const lines = values.map((value) => `SET bar ${value}`)
  const writes = values.map((value) => Redis.set(keyOfA, value))

  it.effect("in a pipeline are executed in order where a redirect sends them all (trap 28)", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* connected()
      a.on("SET", Reply.error(`MOVED ${slotOfA} b:7000`))
      yield* run(Redis.pipeline(writes))
      assert.deepStrictEqual([a.commands, b.commands], [lines, lines])
    }))

  it.effect("in a pipeline are executed in order where a migration sends them all, each behind ASKING (trap 28)", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* connected()
      a.on("SET", Reply.error(`ASK ${slotOfA} b:7000`))
      yield* run(Redis.pipeline(writes))
      assert.deepStrictEqual(b.commands, lines.flatMap((line) => ["ASKING", line]))
    }))

  it.effect("in a pipeline are executed in order when the node could serve none of them at first (trap 28)", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      const down = Reply.error("LOADING Redis is loading the dataset in memory")
      a.once("SET", ...values.map(() => down))
      const fiber = yield* start(run(Redis.pipeline(writes)))
      yield* advance("1 second")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(a.commands.slice(-values.length), lines)
    }))

  it.effect("one after the other are in order, whatever becomes of the first (trap 28)", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* connected()
      a.once("SET", Reply.error("TRYAGAIN in pieces"), Reply.error(`ASK ${slotOfA} b:7000`))
      b.once("SET", Reply.error("TRYAGAIN in pieces"))
      const fiber = yield* start(run(Effect.forEach(writes.slice(0, 2), (write) => write)))
      yield* advance("1 second")
      yield* Fiber.join(fiber)
      const tries = [lines[0], lines[0], lines[0], lines[1]]
      assert.deepStrictEqual([a.commands, b.commands], [tries, ["ASKING", lines[0]]])
    }))

  it.effect("of which one is asked to try again: that one is not executed behind the others, and says so", () =>
    Effect.gen(function*() {
      const { a, run } = yield* connected()
      a.once("SET", Reply.error("TRYAGAIN in pieces"))
      const [first, ...others] = yield* run(Redis.pipeline(writes.slice(0, 3), { mode: "result" }))
      assert.isTrue(Result.isFailure(first) && first.failure.reason._tag === "TryAgain")
      assert.isTrue(Result.isFailure(first) && first.failure.delivery === "Rejected")
      assert.include(Result.isFailure(first) ? first.failure.message : "", "not tried again, since a later command")
      assert.isTrue(others.every(Result.isSuccess))
      assert.deepStrictEqual(a.commands, lines.slice(0, 3))
    }))
})

describe("a pipeline that loses a connection", () => {
  it.effect("sends again what only reads, and nothing that may have been executed (trap 1)", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* connected()
      a.once("SET", "drop")
      const pipeline = Redis.pipeline([
        Redis.set(keyOfA, "1"),
        Redis.set(keyOfA, "3"),
        Redis.set(keyOfB, "2"),
        Redis.get(keyOfA)
      ], { mode: "result" })
      const fiber = yield* start(run(pipeline))
      yield* advance("2 seconds")
      const [first, second, third, fourth] = yield* Fiber.join(fiber)
      for (const lost of [first, second]) {
        assert.isTrue(Result.isFailure(lost) && lost.failure.delivery === "MaybeExecuted")
      }
      assert.deepStrictEqual([fourth, third], [Result.succeed("a:7000"), Result.succeed("OK")])
      assert.deepStrictEqual(a.commands, ["SET bar 1", "SET bar 3", "GET bar", "GET bar"])
      assert.deepStrictEqual(b.commands, ["SET k 2"])
    }))

  it.effect("before it was written sends all of it again, and nothing twice (trap 1)", () =>
    Effect.gen(function*() {
      const { b, run } = yield* connected()
      yield* run(Redis.get(keyOfB))
      yield* advance("5 seconds")
      const fiber = yield* start(run(Redis.pipeline([Redis.set(keyOfB, "1"), Redis.set(keyOfB, "2")])))
      b.drop()
      yield* settle
      yield* advance("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["OK", "OK"])
      assert.deepStrictEqual(b.commands, ["GET k", "SET k 1", "SET k 2"])
    }))
})
