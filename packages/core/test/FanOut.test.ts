import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import { advance, settle, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { Script } from "./support/ScriptedCluster.ts"

const connected = Effect.fnUntraced(function*(name: string, answers: ReadonlyArray<Script>) {
  const nodes = threeNodes()
  const service = yield* nodes.cluster.provide(RedisCluster.make({ nodes: ["a:7000"] }))
  yield* settle
  const all = [nodes.a, nodes.b, nodes.c]
  all.forEach((node, i) => node.on(name, answers[i]))
  return { ...nodes, all, service }
})

const integers = (...values: ReadonlyArray<number>) => values.map((value) => Reply.integer(value))
const list = (...items: ReadonlyArray<number>) => Reply.array(integers(...items))

describe("a command about the whole cluster", () => {
  it.effect("asks every primary and adds up what they count", () =>
    Effect.gen(function*() {
      const { all, service } = yield* connected("DBSIZE", integers(1, 20, 300))
      assert.strictEqual(yield* service.execute(Redis.command("DBSIZE")), 321)
      assert.deepStrictEqual(all.map((node) => node.count("DBSIZE")), [1, 1, 1])
    }))

  it.effect("asks no replica what primaries know", () =>
    Effect.gen(function*() {
      const { a, cluster, service } = yield* connected("DBSIZE", integers(1, 2, 3))
      cluster.slots = [[0, 16383, "a:7000", "b:7000", "c:7000"]]
      yield* service.refresh
      assert.strictEqual(yield* service.execute(Redis.command("DBSIZE")), 1)
      assert.strictEqual(a.count("DBSIZE"), 1)
    }))

  it.effect("puts lists one after the other", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("KEYS", [list(1, 2), list(), list(3)])
      assert.deepStrictEqual(yield* service.execute(Redis.command("KEYS", ["*"])), [1, 2, 3])
    }))

  it.effect("says yes, answer by answer, where all nodes do", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("SCRIPT EXISTS", [list(1, 1, 0), list(1, 0, 0), list(1, 1, 1)])
      assert.deepStrictEqual(yield* service.execute(Redis.command("SCRIPT EXISTS", ["x", "y", "z"])), [1, 0, 0])
    }))

  it.effect("fails when one node fails, and names it (trap 24)", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("DBSIZE", [Reply.integer(1), Reply.error("NOPERM no"), Reply.integer(3)])
      const error = yield* Effect.flip(service.execute(Redis.command("DBSIZE")))
      assert.deepStrictEqual([error.node, error.delivery], ["b:7000", "Rejected"])
      assert.include(error.message, "NOPERM")
    }))

  it.effect.each([
    Reply.error("READONLY You can't write against a read only replica."),
    "drop" as const
  ])("has the map learnt anew when the fault lies there (trap 23)", (fault) =>
    Effect.gen(function*() {
      const ok = Reply.simple("OK")
      const { cluster, service } = yield* connected("FLUSHALL", [ok, fault, ok])
      const before = cluster.questions
      const result = yield* Effect.result(service.execute(Redis.command("FLUSHALL")))
      assert.isTrue(Result.isFailure(result))
      yield* advance("100 millis")
      assert.isAbove(cluster.questions, before)
    }))

  it.effect("asked of each node fails for none: what became of it is data", () =>
    Effect.gen(function*() {
      const { service } = yield* connected("DBSIZE", [Reply.integer(1), "drop", Reply.integer(3)])
      const results = yield* service.executeEach(Redis.command("DBSIZE"), "all")
      assert.deepStrictEqual(results.map(({ address, result }) => [address.key, result._tag]), [
        ["a:7000", "Success"],
        ["b:7000", "Failure"],
        ["c:7000", "Success"]
      ])
    }))
})
