import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Nodes from "../src/Nodes.ts"
import * as Redis from "../src/Redis.ts"
import { carrier, connected, connectedTo, said, start } from "./support/client.ts"
import { keyOfA, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

/** Two shards with a replica each. */
const pairs = [[0, 8191, "a:7000", "b:7000"], [8192, 16383, "c:7000", "d:7000"]] as const

/** Eleven primaries, each of which holds the reply to DBSIZE. */
const many = Effect.gen(function*() {
  const slots = Array.from({ length: 11 }, (_, i) => [i * 1000, i * 1000 + 999, `n${i}:7000`] as const)
  const client = yield* connectedTo(slots, { nodes: ["n0:7000"] })
  const nodes = Array.from(client.cluster.nodes.values(), (node) => node.on("DBSIZE", "hold"))
  const asked = () => nodes.filter((node) => node.count("DBSIZE") > 0)
  return { ...client, nodes, asked }
})

const resultsByNode = <A, E>(results: Readonly<Record<string, Result.Result<A, E>>>) =>
  Object.fromEntries(Object.entries(results).map(([key, result]) => [key, Result.getOrUndefined(result)]))

describe("a command on a replica", () => {
  it.effect("goes over a connection that has declared READONLY if it reads, and over another if not", () =>
    Effect.gen(function*() {
      const { cluster, run } = yield* connectedTo(pairs)
      yield* run(Nodes.executeOn("b:7000", Redis.get(keyOfA)))
      yield* run(Nodes.executeOn("b:7000", Redis.set(keyOfA, "1")))
      const over = ["GET bar", "SET bar 1"].map((line) => said(carrier(cluster.node("b:7000"), line)))
      assert.deepStrictEqual(over, [["READONLY", "GET bar"], ["SET bar 1"]])
    }))
})

describe("visiting nodes", () => {
  it.effect.each(
    [
      ["primaries", ["a:7000", "c:7000"]],
      ["replicas", ["b:7000", "d:7000"]],
      ["all", ["a:7000", "b:7000", "c:7000", "d:7000"]]
    ] as const
  )("runs the effect once on each: %s", ([which, keys]) =>
    Effect.gen(function*() {
      const { cluster, run } = yield* connectedTo(pairs)
      for (const node of cluster.nodes.values()) node.on("DBSIZE", Reply.integer(7))
      const visited = yield* run(Stream.runCollect(Nodes.visit(which, Redis.dbsize())))
      assert.deepStrictEqual(visited.map(({ address }) => address.key).toSorted(), [...keys])
      for (const { address, result, role } of visited) {
        assert.deepStrictEqual(result, Result.succeed(7))
        assert.strictEqual(role, /^[ac]/.test(address.key) ? "primary" : "replica")
        assert.strictEqual(cluster.node(address.key).count("DBSIZE"), 1)
      }
    }))

  it.effect("runs all of an effect over one connection, to a replica one that has declared READONLY (trap 32)", () =>
    Effect.gen(function*() {
      const { cluster, run } = yield* connectedTo(pairs)
      const twice = Effect.andThen(Redis.get(keyOfA), Redis.get(keyOfA))
      assert.deepStrictEqual(resultsByNode(yield* run(Nodes.collect("all", twice))), {
        "a:7000": "a:7000",
        "b:7000": "b:7000",
        "c:7000": "c:7000",
        "d:7000": "d:7000"
      })
      const over = ["a:7000", "b:7000"].map((key) => said(carrier(cluster.node(key), "GET bar")))
      assert.deepStrictEqual(over, [["GET bar", "GET bar"], ["READONLY", "GET bar", "GET bar"]])
    }))

  it.effect("asks a function of the node what to run there", () =>
    Effect.gen(function*() {
      const { run } = yield* connectedTo(pairs)
      const results = yield* run(Nodes.collect("all", ({ address, role }) =>
        role === "primary" ? Redis.get(keyOfA) : Effect.succeed(`not ${address.key}`)))
      assert.deepStrictEqual(resultsByNode(results), {
        "a:7000": "a:7000",
        "b:7000": "not b:7000",
        "c:7000": "c:7000",
        "d:7000": "not d:7000"
      })
    }))

  it.effect("takes a service as the effect that it is", () =>
    Effect.gen(function*() {
      const { run } = yield* connectedTo(pairs)
      const sessions = yield* run(Nodes.collect("primaries", Redis.Redis))
      assert.deepStrictEqual(Object.values(sessions).map((result) => result._tag), ["Success", "Success"])
    }))

  it.effect.each(
    [[{}, 8], [{ concurrency: 3 }, 3], [{ concurrency: 1 }, 1], [{ concurrency: "unbounded" }, 11]] as const
  )("visits no more of them at the same time than %j says", ([options, most]) =>
    Effect.gen(function*() {
      const { asked, nodes, run } = yield* many
      const fiber = yield* start(run(Nodes.collect("primaries", Redis.dbsize(), options)))
      yield* settle
      for (let answered = 0; answered < nodes.length; answered++) {
        assert.strictEqual(asked().length, Math.min(answered + most, nodes.length))
        carrier(asked()[answered], "DBSIZE").release(Reply.integer(answered))
        yield* settle
      }
      const counts = Object.values(resultsByNode(yield* Fiber.join(fiber)))
      assert.deepStrictEqual(counts.toSorted((a = 0, b = 0) => a - b), nodes.map((_, i) => i))
    }))

  it.effect("tells of each node as it is done, and waits for no slower one", () =>
    Effect.gen(function*() {
      const { nodes, run } = yield* many
      const told: Array<string> = []
      const visit = yield* start(run(Stream.runForEach(Nodes.visit("primaries", Redis.dbsize()), ({ address }) =>
        Effect.sync(() =>
          told.push(address.key)
        ))))
      yield* settle
      for (const node of [nodes[5], nodes[2]]) {
        carrier(node, "DBSIZE").release(Reply.integer(1))
        yield* settle
      }
      assert.deepStrictEqual(told, ["n5:7000", "n2:7000"])
      yield* Fiber.interrupt(visit)
    }))

  it.effect("has what fails on one node as that node's result", () =>
    Effect.gen(function*() {
      const { a, b, c, run } = yield* connected()
      a.on("DBSIZE", Reply.integer(7))
      b.on("DBSIZE", Reply.error("NOPERM no"))
      c.accepts = "none"
      const results = yield* run(Nodes.collect("primaries", Redis.dbsize()))
      assert.deepStrictEqual(results["a:7000"], Result.succeed(7))
      const reasons = ["b:7000", "c:7000"].map((key) =>
        Result.isFailure(results[key]) ? results[key].failure.reason._tag : undefined
      )
      assert.deepStrictEqual(reasons, ["ServerError", "ConnectionFailed"])
    }))

  it.effect("has the effect's own error in the result, typed", () =>
    Effect.gen(function*() {
      const { run } = yield* connected()
      const results = yield* run(Nodes.collect("primaries", ({ address }) =>
        address.key === "b:7000" ? Effect.fail("odd" as const) : Effect.succeed(address.key)))
      const typed: Result.Result<string, "odd" | Redis.RedisError> = results["b:7000"]
      assert.deepStrictEqual(typed, Result.fail("odd"))
      assert.deepStrictEqual(results["a:7000"], Result.succeed("a:7000"))
    }))

  it.effect("follows no redirect: another node is another visit", () =>
    Effect.gen(function*() {
      const { a, b, run } = yield* connected()
      a.on("GET", Reply.error("MOVED 5061 b:7000"))
      const results = yield* run(Nodes.collect("primaries", Redis.get(keyOfA)))
      assert.isTrue(Result.isFailure(results["a:7000"]) && results["a:7000"].failure.reason._tag === "Moved")
      assert.strictEqual(b.count("GET bar"), 1)
    }))

  it.effect("dies of a defect, and stops the other visits", () =>
    Effect.gen(function*() {
      const { run, service } = yield* connected()
      const exit = yield* Effect.exit(
        run(Nodes.collect("primaries", ({ address }) => address.key === "b:7000" ? Effect.die("broken") : Effect.never))
      )
      assert.strictEqual(exit._tag, "Failure")
      const { nodes } = yield* service.stats
      assert.deepStrictEqual(Array.from(nodes.values(), ({ leased }) => leased), [0, 0, 0])
    }))

  it.effect("gives all connections back when nobody listens any more", () =>
    Effect.gen(function*() {
      const { nodes, run, service } = yield* many
      const fiber = yield* start(run(Stream.runHead(Nodes.visit("primaries", Redis.dbsize()))))
      yield* settle
      carrier(nodes[0], "DBSIZE").release(Reply.integer(1))
      yield* Fiber.join(fiber)
      const stats = yield* service.stats
      assert.deepStrictEqual(new Set(Array.from(stats.nodes.values(), ({ leased }) => leased)), new Set([0]))
    }))

  it.effect("fails when no such node is known", () =>
    Effect.gen(function*() {
      const { run } = yield* connected()
      const error = yield* Effect.flip(run(Nodes.collect("replicas", Redis.dbsize())))
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["NoNodeForSlot", "NotSent"])
      assert.include(error.message, "no known replica")
    }))

  it.effect("begins with the nodes that are known when it begins", () =>
    Effect.gen(function*() {
      const { cluster, run, service } = yield* connected()
      for (const node of cluster.nodes.values()) node.on("DBSIZE", Reply.integer(7))
      const visit = Nodes.collect("primaries", Redis.dbsize())
      cluster.slots = [[0, 8191, "a:7000"], [8192, 16383, "d:7000"]]
      cluster.node("d:7000").on("DBSIZE", Reply.integer(8))
      yield* service.refresh
      assert.deepStrictEqual(resultsByNode(yield* run(visit)), { "a:7000": 7, "d:7000": 8 })
    }))

  it.effect("refuses what is no selection of nodes, no work and no option", () =>
    Effect.gen(function*() {
      const { cluster, run } = yield* connected()
      const size = Redis.dbsize()
      for (
        const [nodes, work, options, problem] of [
          [
            "primary",
            size,
            {},
            `nodes has to be one of "primaries", "replicas", "all"; did you mean "primaries"?`
          ],
          [undefined, size, {}, "nodes has to be one of"],
          [["all"], size, {}, "nodes has to be one of"],
          ["all", undefined, {}, "has to be an Effect, or a function of the node, not undefined"],
          ["all", "DBSIZE", {}, "has to be an Effect, or a function of the node, not text"],
          ["all", size, null, "options have to be a plain object of concurrency, not null"],
          ["all", size, { concurency: 1 }, "did you mean concurrency?"],
          ["all", size, { concurrency: 0 }, `concurrency has to be a whole number from 1 up or "unbounded", not 0`],
          ["all", size, { concurrency: "8" }, `or "unbounded", not text`],
          ["all", size, { concurrency: NaN }, `or "unbounded", not NaN`]
        ] as const
      ) {
        const error = yield* Effect.flip(
          run(Nodes.collect(nodes as never, work as unknown as typeof size, options as never))
        )
        assert.deepStrictEqual([error.reason._tag, error.delivery], ["InvalidArgument", "NotSent"])
        assert.include(error.message, problem)
      }
      assert.deepStrictEqual([...cluster.nodes.values()].flatMap(({ commands }) => commands), [])
    }))

  it.effect("fails where a function answers what is no Effect", () =>
    Effect.gen(function*() {
      const { run } = yield* connected()
      for (const answer of [undefined, 5, "DBSIZE", Redis.dbsize]) {
        const visit = Nodes.collect("primaries", () => answer as unknown as ReturnType<typeof Redis.dbsize>)
        const fiber = yield* start(run(visit))
        yield* settle
        assert.isDefined(fiber.pollUnsafe())
        for (const result of Object.values(yield* Fiber.join(fiber))) {
          assert.include(Result.isFailure(result) ? result.failure.message : "", "has to be an Effect, not ")
        }
      }
    }))

  it.effect("has a function that throws as a defect, and gives all connections back", () =>
    Effect.gen(function*() {
      const { run, service } = yield* connected()
      const exit = yield* Effect.exit(run(Nodes.collect("primaries", (): Effect.Effect<void> => {
        throw new Error("broken")
      })))
      assert.isTrue(exit._tag === "Failure" && exit.cause.reasons.every(({ _tag }) => _tag !== "Fail"))
      const { nodes } = yield* service.stats
      assert.deepStrictEqual(Array.from(nodes.values(), ({ leased }) => leased), [0, 0, 0])
    }))
})
