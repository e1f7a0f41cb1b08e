import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Address from "../src/Address.ts"
import * as Command from "../src/Command.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import { onNodesOf } from "./support/client.ts"
import { advance, keyOfA, keyOfB, keyOfC, settle, slotOfA, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

const connected = Effect.fnUntraced(function*() {
  const nodes = threeNodes()
  const service = yield* nodes.cluster.provide(RedisCluster.make({ nodes: ["a:7000"] }))
  const provide = <A, E>(effect: Effect.Effect<A, E, Redis.Redis>) =>
    Effect.provideService(effect, Redis.Redis, Redis.Redis.of(service))
  return { ...nodes, provide, service }
})

/** How many commands of that name the node was sent. */
const sent = (node: ScriptedNode, name: string): number =>
  node.commands.filter((text) => text.split(" ")[0] === name).length

describe("a pipeline", () => {
  it.effect("replies as a typed tuple in the order of its commands, over all nodes", () =>
    Effect.gen(function*() {
      const { a, b, c, provide } = yield* connected()
      a.on("STRLEN", Reply.integer(3))
      const [first, second, third, length] = yield* provide(Redis.pipeline([
        Redis.get(keyOfB),
        Redis.set(keyOfC, "x"),
        Redis.get(keyOfA).pipe(Command.bytes),
        Redis.strlen(keyOfA)
      ]))
      const types: [string | null, "OK" | null, Uint8Array | null, number] = [first, second, third, length]
      assert.deepStrictEqual(types, ["b:7000", "OK", new TextEncoder().encode("a:7000"), 3])
      assert.deepStrictEqual([a, b, c].map((node) => sent(node, "GET") + sent(node, "SET")), [1, 1, 1])
    }))

  it.effect("is one write to each node, however many its commands are", () =>
    Effect.gen(function*() {
      const { a, b, provide } = yield* connected()
      yield* provide(Redis.get(keyOfA))
      yield* provide(Redis.get(keyOfB))
      for (const node of [a, b]) node.connections[0].writes.length = 0
      const commands = Array.from({ length: 1000 }, (_, n) => Redis.get(n % 2 === 0 ? keyOfA : keyOfB))
      yield* provide(Redis.pipeline(commands))
      assert.deepStrictEqual([a, b].map((node) => node.connections[0].writes), [[500], [500]])
    }))

  it.effect("follows a redirect of each command, and sends again nothing that succeeded (trap 29)", () =>
    Effect.gen(function*() {
      const { a, b, provide } = yield* connected()
      a.once("SET", Reply.error(`MOVED ${slotOfA} b:7000`), Reply.error(`MOVED ${slotOfA} b:7000`))
      const replies = yield* provide(Redis.pipeline([
        Redis.get(keyOfA),
        Redis.set(keyOfA, "1"),
        Redis.set(keyOfA, "2"),
        Redis.get(keyOfB)
      ]))
      assert.deepStrictEqual(replies, ["a:7000", "OK", "OK", "b:7000"])
      assert.deepStrictEqual(b.commands.filter((text) => text.startsWith("SET")), [
        `SET ${keyOfA} 1`,
        `SET ${keyOfA} 2`
      ])
      assert.strictEqual(sent(a, "GET"), 1)
    }))

  it.effect("fails with the first error in its order, though the others were executed", () =>
    Effect.gen(function*() {
      const { a, b, provide } = yield* connected()
      a.on("INCR", Reply.error("ERR value is not an integer or out of range"))
      const error = yield* Effect.flip(provide(Redis.pipeline([Redis.get(keyOfB), Redis.incr(keyOfA)])))
      assert.strictEqual(error.command, "INCR")
      assert.strictEqual(sent(b, "GET"), 1)
    }))

  it.effect("tells each command's own result when asked to", () =>
    Effect.gen(function*() {
      const { a, provide } = yield* connected()
      a.on("INCR", Reply.error("WRONGTYPE Operation against a key holding the wrong kind of value"))
      const [number, text] = yield* provide(
        Redis.pipeline([Redis.incr(keyOfA), Redis.get(keyOfB)], { mode: "result" })
      )
      const typed: Result.Result<string | null, Redis.RedisError> = text
      assert.isTrue(Result.isFailure(number))
      assert.deepStrictEqual(typed, Result.succeed("b:7000"))
    }))

  it.effect("sends nothing when one of its commands can't be sent", () =>
    Effect.gen(function*() {
      const { a, provide } = yield* connected()
      for (
        const wrong of [
          Redis.msetnx({ [keyOfA]: "1", [keyOfB]: "2" }),
          Redis.command("NEW.CMD"),
          Redis.blpop([keyOfA], "1 second"),
          Redis.command("MULTI")
        ]
      ) {
        const error = yield* Effect.flip(provide(Redis.pipeline([Redis.get(keyOfA), wrong])))
        assert.strictEqual(error.delivery, "NotSent")
        assert.include(["CrossSlot", "InvalidArgument"], error.reason._tag)
      }
      assert.strictEqual(sent(a, "GET"), 0)
    }))

  it.effect("with results, sends what can be sent", () =>
    Effect.gen(function*() {
      const { provide } = yield* connected()
      const [wrong, right] = yield* provide(
        Redis.pipeline([Redis.rename(keyOfA, keyOfB), Redis.get(keyOfA)], { mode: "result" })
      )
      assert.isTrue(Result.isFailure(wrong))
      assert.deepStrictEqual(right, Result.succeed("a:7000"))
    }))

  it.effect("of no commands replies with nothing", () =>
    Effect.gen(function*() {
      const { provide } = yield* connected()
      assert.deepStrictEqual(yield* provide(Redis.pipeline([])), [])
    }))

  it.effect("that is interrupted before it is written never is", () =>
    Effect.gen(function*() {
      const { a, provide } = yield* connected()
      yield* provide(Redis.get(keyOfA))
      const fiber = yield* Effect.forkChild(provide(Redis.pipeline([Redis.set(keyOfA, "x")])), {
        startImmediately: true
      })
      yield* Fiber.interrupt(fiber)
      yield* settle
      assert.strictEqual(sent(a, "SET"), 0)
    }))

  it.effect("loses, with a connection, only what was on it", () =>
    Effect.gen(function*() {
      const { a, provide } = yield* connected()
      a.on("INCR", "drop")
      const fiber = yield* Effect.forkChild(provide(Redis.pipeline(
        [Redis.incr(keyOfA), Redis.get(keyOfA), Redis.get(keyOfB)],
        { mode: "result" }
      )))
      yield* advance("2 seconds")
      const [lost, read, other] = yield* Fiber.join(fiber)
      assert.strictEqual(Result.isFailure(lost) ? lost.failure.delivery : "sent", "MaybeExecuted")
      assert.deepStrictEqual(read, Result.succeed("a:7000"))
      assert.deepStrictEqual(other, Result.succeed("b:7000"))
    }))
})

describe("a command that changes its connection", () => {
  it.effect("is refused on shared ones, with what to do instead", () =>
    Effect.gen(function*() {
      const { a, provide, service } = yield* connected()
      for (const name of ["MULTI", "subscribe", "CLIENT REPLY", "SELECT", "WATCH"]) {
        const error = yield* Effect.flip(provide(Redis.command(name, [keyOfA])))
        assert.strictEqual(error.reason._tag, "InvalidArgument")
        assert.match(error.message, /Connection.make|session/)
        yield* Effect.flip(onNodesOf(service).executeOn(Address.tcp("a", 7000), Redis.command(name, [keyOfA])))
      }
      assert.strictEqual(sent(a, "MULTI"), 0)
    }))
})
