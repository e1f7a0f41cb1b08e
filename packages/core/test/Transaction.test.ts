import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Command from "../src/Command.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import * as Script from "../src/Script.ts"
import { advance, keyOfA, keyOfB, settle, slotOfA, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const queued = Reply.simple("QUEUED")
const aborted = Reply.error("EXECABORT Transaction discarded because of previous errors.")
const moved = Reply.error(`MOVED ${slotOfA} b:7000`)

const connected = Effect.fnUntraced(function*() {
  const nodes = threeNodes()
  for (const node of nodes.cluster.nodes.values()) {
    node.on("MULTI", Reply.simple("OK")).on("INCR", queued).on("GET", queued)
      .on("EXEC", Reply.array([Reply.integer(1), Reply.bulk("ada")]))
  }
  const service = yield* nodes.cluster.provide(RedisCluster.make({ nodes: ["a:7000"] }))
  return { ...nodes, service }
})

const two = Redis.transaction([Redis.incr(keyOfA), Redis.get(keyOfA)])
const unit = ["MULTI", `INCR ${keyOfA}`, `GET ${keyOfA}`, "EXEC"]

describe("a transaction", () => {
  it.effect("replies as a typed tuple, and is one unit in one write (trap 31)", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      a.on("STRLEN", Reply.integer(3))
      yield* service.execute(Redis.strlen(keyOfA))
      const [peer] = a.connections
      peer.received.length = 0
      peer.writes.length = 0
      const around = yield* Effect.all([
        service.execute(Redis.strlen(keyOfA)),
        service.execute(two),
        service.execute(Redis.strlen(keyOfA))
      ], { concurrency: "unbounded" })
      const types: readonly [number, readonly [number, string | null], number] = around
      assert.deepStrictEqual(types, [3, [1, "ada"], 3])
      assert.deepStrictEqual(peer.received, [`STRLEN ${keyOfA}`, ...unit, `STRLEN ${keyOfA}`])
      assert.deepStrictEqual(peer.writes, [6])
    }))

  it.effect("leaves text as it is beside bytes, with its byte order mark", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      a.on("EXEC", Reply.array([Reply.bulk("\ufeffada"), Reply.bulk("\ufeffada")]))
      const both = Redis.transaction([Redis.get(keyOfA), Redis.get(keyOfA).pipe(Command.bytes)])
      const [text, bytes] = yield* service.execute(both)
      assert.deepStrictEqual([text, bytes], ["\ufeffada", new TextEncoder().encode("\ufeffada")])
    }))

  it.effect("whose commands are redirected when queued goes again as a whole (trap 30)", () =>
    Effect.gen(function*() {
      const { a, b, service } = yield* connected()
      a.on("INCR", moved).on("GET", moved).on("EXEC", aborted)
      assert.deepStrictEqual(yield* service.execute(two), [1, "ada"])
      assert.deepStrictEqual(b.commands, unit)
    }))

  it.effect("that is redirected only at EXEC goes again as a whole (trap 30)", () =>
    Effect.gen(function*() {
      const { a, b, service } = yield* connected()
      a.on("EXEC", moved)
      assert.deepStrictEqual(yield* service.execute(two), [1, "ada"])
      assert.deepStrictEqual(b.commands, unit)
    }))

  it.effect("under ASK is preceded by one ASKING, before MULTI", () =>
    Effect.gen(function*() {
      const { a, b, service } = yield* connected()
      a.on("INCR", Reply.error(`ASK ${slotOfA} b:7000`)).on("GET", queued).on("EXEC", aborted)
      assert.deepStrictEqual(yield* service.execute(two), [1, "ada"])
      assert.deepStrictEqual(b.commands, ["ASKING", ...unit])
    }))

  it.effect("that Redis refuses to queue fails with the refusal, and executes nothing", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      a.on("INCR", Reply.error("ERR wrong number of arguments for 'incr' command")).on("EXEC", aborted)
      const error = yield* Effect.flip(service.execute(two))
      assert.strictEqual(error.delivery, "Rejected")
      assert.include(error.message, "wrong number of arguments")
    }))

  it.effect("fails with the first error inside, or tells each result", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      a.on("EXEC", Reply.array([Reply.error("WRONGTYPE Operation against a key"), Reply.bulk("ada")]))
      const error = yield* Effect.flip(service.execute(two))
      assert.strictEqual(error.command, "INCR")
      assert.strictEqual(error.reason._tag, "ServerError")
      const [number, name] = yield* service.execute(
        Redis.transaction([Redis.incr(keyOfA), Redis.get(keyOfA)], { mode: "result" })
      )
      assert.isTrue(Result.isFailure(number))
      assert.deepStrictEqual(name, Result.succeed("ada"))
    }))

  it.effect("gives bytes to those commands that ask for them", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      a.on("EXEC", Reply.array([Reply.bulk("ada"), Reply.bulk("ada")]))
      const [text, bytes] = yield* service.execute(
        Redis.transaction([Redis.get(keyOfA), Redis.get(keyOfA).pipe(Command.bytes)])
      )
      assert.strictEqual(text, "ada")
      assert.deepStrictEqual(bytes, new TextEncoder().encode("ada"))
    }))

  it.effect("has its scripts in full: one that is not known would fail in the midst of it (trap 36)", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      const lua = "return redis.call('GET', KEYS[1])"
      a.on("EVAL", queued).on("EXEC", Reply.array([Reply.integer(1), Reply.bulk("ada")]))
      const script = Script.make({ lua, params: (key: string) => ({ keys: [key] }), result: Schema.String })
      const replies = yield* service.execute(Redis.transaction([Redis.incr(keyOfA), script(keyOfA)]))
      const types: readonly [number, string] = replies
      assert.deepStrictEqual(types, [1, "ada"])
      assert.deepStrictEqual(a.commands, ["MULTI", `INCR ${keyOfA}`, `EVAL ${lua} 1 ${keyOfA}`, "EXEC"])
    }))

  it.effect("that was on the wire when its connection went may have been executed", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      a.on("EXEC", "drop")
      const fiber = yield* Effect.forkChild(Effect.flip(service.execute(two)))
      yield* advance("1 second")
      assert.strictEqual((yield* Fiber.join(fiber)).delivery, "MaybeExecuted")
    }))

  it.effect("that is interrupted before it is written never is, not even its MULTI", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      yield* service.execute(two)
      const fiber = yield* Effect.forkChild(service.execute(two), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      yield* settle
      assert.strictEqual(a.count("MULTI"), 1)
    }))

  it.effect("over two slots, of nothing, or with what can't be in one is refused before it is sent", () =>
    Effect.gen(function*() {
      const { a, service } = yield* connected()
      const crossing = yield* Effect.flip(
        service.execute(Redis.transaction([Redis.get(keyOfA), Redis.get(keyOfB)]))
      )
      assert.strictEqual(crossing.reason._tag, "CrossSlot")
      const wrong: ReadonlyArray<Command.Any> = [
        Redis.transaction([]),
        Redis.transaction([Redis.blpop([keyOfA], "1 second")]),
        Redis.transaction([Redis.command("WATCH", [keyOfA])]),
        Redis.transaction([two]),
        Redis.transaction([Redis.command("NEW.CMD")])
      ]
      for (const transaction of wrong) {
        assert.strictEqual((yield* Effect.flip(service.execute(transaction))).reason._tag, "InvalidArgument")
      }
      assert.strictEqual(a.count("MULTI"), 0)
    }))

  it.effect("can be part of a pipeline", () =>
    Effect.gen(function*() {
      const { b, service } = yield* connected()
      b.on("GET", Reply.bulk("bob"))
      const pipeline = Redis.pipeline([two, Redis.get(keyOfB)])
      const replies = yield* Effect.provideService(pipeline, Redis.Redis, Redis.Redis.of(service))
      assert.deepStrictEqual(replies, [[1, "ada"], "bob"])
    }))
})
