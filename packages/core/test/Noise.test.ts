import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Address from "../src/Address.ts"
import * as Command from "../src/Command.ts"
import * as NodePool from "../src/NodePool.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisError from "../src/RedisError.ts"
import type * as Resp from "../src/Resp.ts"
import { carrying, connected, start } from "./support/client.ts"
import { advance, keyOfA, settle, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

/** One node of a pool, with an open connection. */
const pooled = Effect.fnUntraced(function*(options?: NodePool.Options) {
  const { a, cluster } = threeNodes()
  const pool = yield* cluster.provide(NodePool.make(options))
  const node = pool.node(Address.tcp("a", 7000))
  yield* node.execute(Redis.get("k"))
  return { a, node }
})

/** Sends something over the first connection 20 times a second, for so many seconds. */
const sending = Effect.fnUntraced(function*(a: ScriptedNode, seconds: number, noise: string) {
  for (let i = 0; i < seconds * 20; i++) {
    if (a.connections[0].open) a.connections[0].send(noise)
    yield* advance(50)
  }
})

const noises = [
  ["pushes", ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n".repeat(10)],
  ["attributes", "|1\r\n+ttl\r\n:3600\r\n".repeat(10)],
  ["parts of a push", ""],
  ["parts of an attribute", ""]
] as const

const begun = { "parts of a push": ">60000000\r\n", "parts of an attribute": "|30000000\r\n" } as Record<string, string>

describe("a peer that sends without end and answers nothing", () => {
  it.effect.each(noises)(
    "is given up ten seconds after a command was due: %s",
    ([what, noise]) =>
      Effect.gen(function*() {
        const { a, node } = yield* pooled()
        a.once("GET", "hold")
        const fiber = yield* start(Effect.flip(node.execute(Redis.get("k").pipe(Command.timeout("50 millis")))))
        yield* settle
        a.connections[0].send(begun[what] ?? "")
        yield* sending(a, 9, noise || "+element\r\n")
        assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Timeout")
        assert.isTrue(a.connections[0].open)
        yield* sending(a, 4, noise || "+element\r\n")
        assert.strictEqual(a.dialed.length, 2)
        assert.isFalse(a.connections[0].open)
        assert.strictEqual(yield* node.execute(Redis.get("k")), "a:7000")
      })
  )

  it.effect("is given up however much time the command has", () =>
    Effect.gen(function*() {
      const { a, node } = yield* pooled()
      a.frozen = true
      const fiber = yield* start(Effect.flip(node.execute(Redis.get("k").pipe(Command.timeout("1 hour")))))
      yield* settle
      yield* sending(a, 20, noises[0][1])
      const error = yield* Fiber.join(fiber)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionLost", "MaybeExecuted"])
      assert.include(error.message, "no reply")
    }))

  it.effect("is not suspected while a command that blocks has time", () =>
    Effect.gen(function*() {
      const { a, node } = yield* pooled()
      a.on("BLPOP", "hold")
      const fiber = yield* start(node.execute(Redis.command("BLPOP", ["k", 60])))
      yield* settle
      const [connection] = carrying(a, "BLPOP k 60")
      for (let i = 0; i < 50; i++) {
        connection.send(noises[0][1])
        yield* advance("1 second")
      }
      connection.release(Reply.array([Reply.bulk("k"), Reply.bulk("element")]))
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["k", "element"])
    }))
})

describe("a peer that answers", () => {
  it.effect("slowly, but steadily, is heard out: a string", () =>
    Effect.gen(function*() {
      const { a, node } = yield* pooled()
      a.frozen = true
      const fiber = yield* start(node.execute(Redis.get("k").pipe(Command.timeout("1 hour"))))
      const late = yield* start(Effect.flip(node.execute(Redis.get("late").pipe(Command.timeout("50 millis")))))
      yield* settle
      a.connections[0].send("$600\r\n")
      yield* sending(a, 30, "x")
      assert.strictEqual((yield* Fiber.join(late)).reason._tag, "Timeout")
      a.connections[0].send("\r\n$4\r\nlate\r\n")
      assert.strictEqual(yield* Fiber.join(fiber), "x".repeat(600))
      assert.strictEqual(a.dialed.length, 1)
    }))

  it.effect("slowly, but steadily, is heard out although the command is overdue: an array", () =>
    Effect.gen(function*() {
      const { a, node } = yield* pooled()
      a.frozen = true
      yield* start(Effect.flip(node.execute(Redis.command("LRANGE", ["k", 0, -1]).pipe(Command.timeout("50 millis")))))
      yield* settle
      a.connections[0].send("*600\r\n")
      yield* sending(a, 30, ":1\r\n")
      assert.strictEqual(a.dialed.length, 1)
      assert.isTrue(a.connections[0].open)
    }))

  it.effect("among many pushes is not given up", () =>
    Effect.gen(function*() {
      const { a, node } = yield* pooled()
      a.delay = 4000
      for (let i = 0; i < 10; i++) {
        const fiber = yield* start(node.execute(Redis.get("k")))
        yield* sending(a, 5, noises[0][1])
        assert.strictEqual(yield* Fiber.join(fiber), "a:7000")
      }
      assert.strictEqual(a.dialed.length, 1)
    }))
})

describe("a reply beyond the limits", () => {
  const nested = Array.from({ length: 9 }).reduce<Resp.Reply>((inner) => Reply.array([inner]), Reply.integer(1))
  const limits = [
    ["elements", { maxElements: 100 }, Reply.array(Array.from({ length: 101 }, (_, n) => Reply.integer(n))), 100],
    ["depth", { maxDepth: 8 }, nested, 8],
    ["bytes", { maxBytes: 1000 }, Reply.bulk("x".repeat(1001)), 1000],
    ["bytes", { maxBulkLength: 1000 }, Reply.bulk("x".repeat(1001)), 1000]
  ] as const

  it.effect.each(limits)(
    "fails its command, which is not tried again, and no other: %s",
    ([of, some, reply, limit]) =>
      Effect.gen(function*() {
        const { a, run } = yield* connected({ replyLimits: some })
        a.on("LRANGE", reply)
        const range = Redis.command("LRANGE", [keyOfA, 0, -1]).pipe(Command.idempotent)
        const fiber = yield* start(Effect.flip(run(range)))
        const other = yield* start(run(Redis.get(keyOfA)))
        yield* advance("1 second")
        const error = yield* Fiber.join(fiber)
        assert.deepStrictEqual(error.reason, new RedisError.ReplyTooLarge({ of, limit }))
        assert.strictEqual(error.delivery, "Executed")
        assert.include(error.message, "replyLimits")
        assert.strictEqual(yield* Fiber.join(other), "a:7000")
        assert.strictEqual(a.count(`LRANGE ${keyOfA} 0 -1`), 1)
        assert.strictEqual(a.live.length, 1)
      })
  )

  it.effect("ends a reply that never ends", () =>
    Effect.gen(function*() {
      const { a, node } = yield* pooled({ replyLimits: { maxBytes: 1_000_000 } })
      a.frozen = true
      const fiber = yield* start(Effect.flip(node.execute(Redis.command("LRANGE", ["k", 0, -1]))))
      yield* settle
      a.connections[0].send("*60000000\r\n")
      yield* sending(a, 10, ":1\r\n".repeat(10_000))
      assert.deepStrictEqual(
        (yield* Fiber.join(fiber)).reason,
        new RedisError.ReplyTooLarge({ of: "bytes", limit: 1_000_000 })
      )
      assert.isFalse(a.connections[0].open)
    }))
})
