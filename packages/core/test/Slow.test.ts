/** Commands that keep a server busy for longer than a connection may be silent, and those beside them. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Address from "../src/Address.ts"
import * as Command from "../src/Command.ts"
import * as Connection from "../src/Connection.ts"
import * as Redis from "../src/Redis.ts"
import type * as RedisCluster from "../src/RedisCluster.ts"
import * as Script from "../src/Script.ts"
import * as Session from "../src/Session.ts"
import { carrier, carrying, connected, said, start } from "./support/client.ts"
import { shard } from "./support/replicas.ts"
import { advance, keyOfA, settle, slotOfA } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"

const minute = Command.timeout("1 minute")
const long = Redis.command("EVAL", ["return 1", "1", keyOfA]).pipe(minute)
const lines = {
  eval: `EVAL return 1 1 ${keyOfA}`,
  get: `GET ${keyOfA}`
}

const opened = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const client = yield* connected(options)
  const { a, run } = client
  yield* run(Redis.get(keyOfA))
  const shared = carrier(a, lines.get)
  return { ...client, shared }
})

describe("a command that may take longer than its connection may be silent", () => {
  it.effect.each<readonly [name: string, command: Command.Any]>([
    ["EVAL", Redis.command("EVAL", ["return 1", "1", keyOfA]).pipe(minute)],
    ["EVAL_RO", Redis.command("EVAL_RO", ["return 1", "1", keyOfA]).pipe(minute)],
    ["EVALSHA", Redis.command("EVALSHA", ["0123", "1", keyOfA]).pipe(minute)],
    ["FCALL", Redis.command("FCALL", ["f", "1", keyOfA]).pipe(minute)],
    ["FCALL_RO", Redis.command("FCALL_RO", ["f", "1", keyOfA]).pipe(minute)],
    ["SORT", Redis.command("SORT", [keyOfA]).pipe(Command.slow)],
    ["SORT", Redis.command("SORT", [keyOfA]).pipe(minute, Command.slow, Command.map((value) => value))],
    ["EXEC", Redis.transaction([Redis.command("EVAL", ["return 1", "1", keyOfA])]).pipe(minute)]
  ])("has one to itself, and is waited for until its deadline: %s", ([name, command]) =>
    Effect.gen(function*() {
      const { a, run, shared } = yield* opened()
      a.on("MULTI", Reply.simple("OK")).on("EVAL", Reply.simple("QUEUED")).on(name, "hold")
      const fiber = yield* start(run(command))
      yield* advance("29 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      const own = a.live.find(({ received }) => received.some((line) => line.startsWith(name)))!
      assert.notStrictEqual(own, shared)
      assert.isTrue(shared.open)
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
      own.release(Reply.array([Reply.integer(1)]))
      yield* Fiber.join(fiber)
      assert.isTrue(own.open)
    }))

  it.effect("is given up at its deadline, and its connection with it", () =>
    Effect.gen(function*() {
      const { a, run, service } = yield* opened()
      a.on("EVAL", "hold")
      const fiber = yield* start(Effect.flip(run(long)))
      yield* advance("62 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Timeout")
      yield* settle
      assert.isFalse(carrier(a, lines.eval).open)
      assert.strictEqual((yield* service.stats).nodes.get("a:7000")!.leased, 0)
    }))

  it.effect("goes with the others where nobody has said that it may take so long, or so long is not longer", () =>
    Effect.gen(function*() {
      const { a, run, shared } = yield* opened()
      a.on("EVAL", Reply.integer(1)).on("SORT", Reply.array([]))
      yield* run(Redis.command("EVAL", ["return 1", "1", keyOfA]))
      yield* run(long.pipe(Command.timeout("10 seconds")))
      yield* run(Redis.command("SORT", [keyOfA]).pipe(Command.slow, Command.timeout("5 seconds")))
      yield* run(Redis.get(keyOfA).pipe(minute))
      assert.deepStrictEqual(said(shared), [lines.get, lines.eval, lines.eval, `SORT ${keyOfA}`, lines.get])
    }))

  it.effect("may have been given its time by the layer", () =>
    Effect.gen(function*() {
      const { a, run, shared } = yield* opened({ commandTimeout: "1 minute" })
      a.on("EVAL", "hold")
      yield* start(run(Redis.command("EVAL", ["return 1", "1", keyOfA])))
      yield* settle
      assert.notStrictEqual(carrier(a, lines.eval), shared)
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
      assert.strictEqual(said(shared).length, 2)
    }))

  it.effect("does not leave the others in a pipeline, whose connection keeps its limit", () =>
    Effect.gen(function*() {
      const { a, b, run, shared } = yield* opened()
      a.on("EVAL", Reply.error(`MOVED ${slotOfA} b:7000`))
      b.on("EVAL", "hold")
      const fiber = yield* start(run(Redis.pipeline([Redis.get(keyOfA), long], { mode: "result" })))
      yield* advance("1 second")
      assert.deepStrictEqual(said(shared), [lines.get, lines.get, lines.eval])
      const moved = carrier(b, lines.eval)
      yield* advance("12 seconds")
      assert.isFalse(moved.open)
      const [, one] = yield* Fiber.join(fiber)
      assert.isTrue(one._tag === "Failure" && one.failure.reason._tag === "ConnectionLost")
    }))

  it.effect("follows its slot, and is sent in full where its node does not know it, on connections of its own", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* opened()
      const script = Script.make({ lua: "return 1", params: () => ({ keys: [keyOfA] }) })
      a.on("EVALSHA", Reply.error(`MOVED ${slotOfA} b:7000`))
      b.on("EVALSHA", Reply.error("NOSCRIPT No matching script.")).on("EVAL", "hold")
      const fiber = yield* start(run(script().pipe(minute)))
      yield* advance("20 seconds")
      const own = carrier(b, lines.eval)
      assert.strictEqual(carrying(b, lines.get).length, 0)
      own.release(Reply.integer(1))
      assert.strictEqual(yield* Fiber.join(fiber), 1)
      assert.isTrue(own.open)
    }))

  it.effect("waits for a connection when all are in use, as one that blocks does", () =>
    Effect.gen(function*() {
      const { a, run } = yield* opened({ maxDedicated: 1, leaseTimeout: "1 second" })
      a.on("EVAL", "hold")
      yield* start(run(long))
      yield* settle
      const late = yield* start(Effect.flip(run(long)))
      yield* advance("2 seconds")
      const { delivery, reason } = yield* Fiber.join(late)
      assert.deepStrictEqual([reason._tag, delivery], ["Timeout", "NotSent"])
    }))

  it.effect("is waited for in a session, where it has a connection already", () =>
    Effect.gen(function*() {
      const { a, run } = yield* opened()
      a.on("EVAL", "hold")
      const fiber = yield* start(run(Session.use({ keys: keyOfA }, Effect.andThen(Redis.get(keyOfA), long))))
      yield* advance("29 seconds")
      const own = carrier(a, lines.eval)
      assert.include(said(own), lines.get)
      own.release(Reply.integer(1))
      assert.strictEqual(yield* Fiber.join(fiber), 1)
    }))

  it.effect("is waited for on every node, when it goes to all", () =>
    Effect.gen(function*() {
      const { a, b, c, run, shared } = yield* opened()
      for (const node of [a, b, c]) node.on("DBSIZE", "hold")
      const fiber = yield* start(run(Redis.dbsize().pipe(Command.slow)))
      yield* advance("20 seconds")
      for (const node of [a, b, c]) carrier(node, "DBSIZE").release(Reply.integer(2))
      assert.strictEqual(yield* Fiber.join(fiber), 6)
      assert.isTrue(shared.open)
    }))

  it.effect("is waited for on a connection that was made by hand", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster([[0, 16383, "a:7000"]])
      const node = cluster.node("a:7000").on("EVAL", "hold")
      const connection = yield* cluster.provide(Connection.make(Address.tcp("a", 7000)))
      const fiber = yield* start(connection.execute(long))
      yield* advance("29 seconds")
      node.connections[0].release(Reply.integer(1))
      assert.strictEqual(yield* Fiber.join(fiber), 1)
    }))
})

describe("a script that only reads, and may take long", () => {
  it.effect("is answered by a replica, over a connection of its own that has said READONLY", () =>
    Effect.gen(function*() {
      const { b, c, get, run, warm } = yield* shard({ readFrom: "replica" })
      yield* warm()
      yield* get()
      for (const node of [b, c]) node.on("EVAL_RO", "hold")
      const fiber = yield* start(run(Redis.command("EVAL_RO", ["return 1", "1", keyOfA]).pipe(minute)))
      yield* advance("20 seconds")
      const own = [b, c].flatMap((node) => carrying(node, `EVAL_RO return 1 1 ${keyOfA}`))
      assert.strictEqual(own.length, 1)
      assert.include(own[0].received, "READONLY")
      assert.notInclude(own[0].received, `GET ${keyOfA}`)
      own[0].release(Reply.integer(1))
      assert.strictEqual(yield* Fiber.join(fiber), 1)
    }))
})
