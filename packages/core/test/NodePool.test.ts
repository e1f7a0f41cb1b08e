import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Address from "../src/Address.ts"
import * as NodePool from "../src/NodePool.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import { onNodesOf } from "./support/client.ts"
import { advance, keyOfA, keyOfB, settle, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { Script, ScriptedNode } from "./support/ScriptedCluster.ts"

const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })
const address = Address.tcp("a", 7000)

/** The connections to one node, without a cluster around them. */
const pooled = Effect.fnUntraced(function*(options?: NodePool.Options) {
  const nodes = threeNodes()
  const pool = yield* nodes.cluster.provide(NodePool.make(options))
  return { ...nodes, pool, node: pool.node(address) }
})

const connected = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const nodes = threeNodes()
  const service = yield* nodes.cluster.provide(RedisCluster.make({ nodes: ["a:7000"], ...options }))
  yield* settle
  const get = (key: string) => service.execute(Redis.get(key))
  const pop = (key: string) => service.execute(Redis.command("BLPOP", [key, 0]))
  return { ...nodes, service, get, pop }
})

const holding = (node: ScriptedNode, line: string) => {
  const connection = node.connections.find(({ received }) => received.includes(line))
  if (connection === undefined) throw new Error(`${node.key} was not sent ${line}`)
  return connection
}

describe("settings", () => {
  const wrong: ReadonlyArray<readonly [string, NodePool.Options]> = [
    ["connectionsPerNode", { connectionsPerNode: 0 }],
    ["connectionsPerNode", { connectionsPerNode: 1.5 }],
    ["maxDedicated", { maxDedicated: -1 }],
    ["maxInFlight", { maxInFlight: NaN }],
    ["connectTimeout", { connectTimeout: 0 }],
    ["commandTimeout", { commandTimeout: -5 }],
    ["pingInterval", { pingInterval: "often" as "1 second" }],
    ["dedicatedTimeToLive", { dedicatedTimeToLive: "0 seconds" }],
    ["drainTimeout", { drainTimeout: NaN }]
  ]
  it.effect.each(wrong)("that make no sense are refused: %s", ([name, options]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(pooled(options))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.include(error.message, name)
      const again = yield* Effect.flip(connected(options))
      assert.strictEqual(again.reason._tag, "InvalidArgument")
    }))

  it.effect.each(["", "localhost", "redis://a:7000"])(
    "that name no node to begin with are refused: %s",
    (node) =>
      Effect.gen(function*() {
        const { cluster } = threeNodes()
        const error = yield* Effect.flip(cluster.provide(RedisCluster.make({ nodes: node === "" ? [] : [node] })))
        assert.strictEqual(error.reason._tag, "InvalidArgument")
      })
  )
})

describe("a node", () => {
  it.effect("is one for each address, and connects when it is first used", () =>
    Effect.gen(function*() {
      const { a, node, pool } = yield* pooled()
      yield* settle
      assert.strictEqual(pool.node(Address.tcp("A", 7000)), node)
      assert.deepStrictEqual(a.dialed, [])
      yield* node.execute(Redis.get("k"))
      assert.strictEqual(a.dialed.length, 1)
    }))

  it.effect("gets each slot's commands over the same one of its shared connections", () =>
    Effect.gen(function*() {
      const { a, get } = yield* connected({ connectionsPerNode: 3 })
      const keys = Array.from({ length: 60 }, (_, i) => `{bar}${i}`)
      yield* Effect.forEach(keys, get, { concurrency: 7 })
      const used = a.connections.filter(({ received }) => received.some((line) => line.startsWith("GET {bar}")))
      assert.strictEqual(used.length, 1)
      const others = Array.from({ length: 200 }, (_, i) => `key-${i}`)
      yield* Effect.forEach(others, get, { concurrency: "unbounded" })
      assert.strictEqual(a.connections.length, 3)
      for (const { received } of a.connections) assert.isTrue(received.some((line) => line.startsWith("GET")))
    }))

  it.effect("tells what goes on at it", () =>
    Effect.gen(function*() {
      const { a, get, service } = yield* connected()
      a.once("GET", "hold")
      const fiber = yield* start(get(keyOfA))
      yield* settle
      const stats = (yield* service.stats).nodes.get("a:7000")!
      assert.deepStrictEqual([stats.open, stats.connections, stats.inFlight, stats.reconnects], [1, 1, 1, 0])
      holding(a, "GET bar").release(Reply.null)
      yield* Fiber.join(fiber)
      a.drop()
      yield* advance("2 seconds")
      assert.strictEqual((yield* service.stats).nodes.get("a:7000")?.reconnects, 1)
    }))
})

describe("blocking commands", () => {
  it.effect("hold up nobody: each has a connection to itself (trap 45)", () =>
    Effect.gen(function*() {
      const { a, get, pop } = yield* connected()
      a.on("BLPOP", "hold")
      const fibers = yield* Effect.forEach([1, 2, 3], () => start(pop(keyOfA)))
      yield* settle
      assert.strictEqual(yield* get(keyOfA), "a:7000")
      assert.strictEqual(a.connections.filter(({ received }) => received.includes("BLPOP bar 0")).length, 3)
      for (const connection of a.connections) {
        if (connection.received.includes("BLPOP bar 0")) connection.release(Reply.nullArray)
      }
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), [null, null, null])
    }))

  it.effect("hold up nobody when they are sent to one node by its address either (trap 45)", () =>
    Effect.gen(function*() {
      const { a, get, service } = yield* connected()
      a.on("BLPOP", "hold")
      const fiber = yield* start(onNodesOf(service).executeOn(address, Redis.command("BLPOP", [keyOfA, 0])))
      yield* settle
      assert.strictEqual(yield* get(keyOfA), "a:7000")
      yield* advance("1 minute")
      holding(a, "BLPOP bar 0").release(Reply.nullArray)
      assert.strictEqual(yield* Fiber.join(fiber), null)
    }))

  it.effect("wait for a connection when all are taken, no longer than it takes", () =>
    Effect.gen(function*() {
      const { a, pop } = yield* connected({ maxDedicated: 2 })
      a.on("BLPOP", "hold")
      const fibers = yield* Effect.forEach([1, 2, 3], () => start(pop(keyOfA)))
      yield* settle
      assert.strictEqual(a.count("BLPOP bar 0"), 2)
      holding(a, "BLPOP bar 0").release(Reply.array([Reply.bulk(keyOfA), Reply.bulk("job")]))
      yield* settle
      assert.strictEqual(a.count("BLPOP bar 0"), 3)
      assert.strictEqual(a.connections.length, 3)
      yield* Fiber.interruptAll(fibers)
    }))
})

describe("a dedicated connection", () => {
  it.effect("is leased, given back and leased again", () =>
    Effect.gen(function*() {
      const { a, node } = yield* pooled()
      const ping = Effect.scoped(Effect.flatMap(node.dedicated, (connection) => connection.execute(Redis.ping())))
      yield* ping
      yield* ping
      assert.strictEqual(a.connections.length, 1)
      yield* Effect.scoped(Effect.all([node.dedicated, node.dedicated]))
      assert.strictEqual(a.connections.length, 2)
    }))

  it.effect("is not leased again with a command still on it", () =>
    Effect.gen(function*() {
      const { a, node } = yield* pooled()
      a.once("GET", "hold")
      const fiber = yield* start(
        Effect.scoped(Effect.flatMap(node.dedicated, (connection) => connection.execute(Redis.get("k"))))
      )
      yield* settle
      yield* Fiber.interrupt(fiber)
      yield* settle
      assert.isFalse(a.connections[0].open)
      yield* Effect.scoped(Effect.flatMap(node.dedicated, (connection) => connection.execute(Redis.get("k"))))
      assert.deepStrictEqual(a.connections[0].received.filter((line) => line === "GET k").length, 1)
    }))

  it.effect("is not leased again when it was lost in the meantime", () =>
    Effect.gen(function*() {
      const { a, pop, service } = yield* connected()
      a.on("BLPOP", Reply.nullArray)
      yield* Effect.forEach(Array.from({ length: 8 }), () => pop(keyOfA), { concurrency: "unbounded" })
      a.drop()
      yield* advance("100 millis")
      const { retries } = yield* service.stats
      assert.strictEqual(yield* pop(keyOfA), null)
      assert.strictEqual((yield* service.stats).retries, retries)
    }))

  it.effect("is closed when nobody has wanted it for a while", () =>
    Effect.gen(function*() {
      const { a, node } = yield* pooled({ dedicatedTimeToLive: "10 seconds" })
      yield* Effect.scoped(node.dedicated)
      assert.strictEqual(a.live.length, 1)
      yield* advance("25 seconds")
      assert.strictEqual(a.live.length, 0)
    }))

  it.effect("fails to be leased from a node that can't be reached, and says so", () =>
    Effect.gen(function*() {
      const { a, node } = yield* pooled()
      a.accepts = "none"
      const error = yield* Effect.flip(Effect.scoped(node.dedicated))
      assert.strictEqual(error.reason._tag, "ConnectionFailed")
      a.accepts = "all"
      yield* Effect.scoped(node.dedicated)
    }))
})

describe("a node that changed its role", () => {
  it.effect("keeps its connections (trap 20)", () =>
    Effect.gen(function*() {
      const { a, cluster, get, service } = yield* connected()
      yield* get(keyOfA)
      cluster.slots = [[0, 10922, "b:7000", "a:7000"], [10923, 16383, "c:7000"]]
      yield* service.refresh
      yield* advance("10 seconds")
      assert.strictEqual(a.live.length, 1)
      assert.strictEqual(a.connections.length, 1)
    }))
})

describe("a node that left the cluster", () => {
  const leave = Effect.fnUntraced(function*(script: Script, options?: Partial<RedisCluster.Options>) {
    const nodes = yield* connected(options)
    nodes.a.on("GET", script).on("BLPOP", script)
    const { cluster, service } = nodes
    const left = Effect.suspend(() => {
      cluster.slots = [[0, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      return service.refresh
    })
    return { ...nodes, left }
  })

  it.effect("may still answer what it was sent, and is closed then (trap 20)", () =>
    Effect.gen(function*() {
      const { a, get, left, service } = yield* leave("hold")
      const fiber = yield* start(get(keyOfA))
      yield* settle
      yield* left
      assert.isFalse((yield* service.stats).nodes.has("a:7000"))
      yield* advance("500 millis")
      assert.strictEqual(a.live.length, 1)
      holding(a, "GET bar").release(Reply.bulk("at last"))
      assert.strictEqual(yield* Fiber.join(fiber), "at last")
      yield* advance("500 millis")
      assert.strictEqual(a.live.length, 0)
    }))

  it.effect("is not waited for longer than the drain timeout", () =>
    Effect.gen(function*() {
      const { a, get, left, service } = yield* leave("hold", { drainTimeout: "3 seconds" })
      const read = yield* start(get(keyOfA))
      a.on("SET", "hold")
      const write = yield* start(Effect.flip(service.execute(Redis.set(keyOfA, "1"))))
      yield* settle
      yield* left
      yield* advance("2900 millis")
      assert.isUndefined(write.pollUnsafe())
      yield* advance("500 millis")
      const error = yield* Fiber.join(write)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionLost", "MaybeExecuted"])
      assert.strictEqual(yield* Fiber.join(read), "b:7000")
      assert.strictEqual(a.live.length, 0)
    }))

  it.effect("is given the same time for what blocks there", () =>
    Effect.gen(function*() {
      const { a, left, pop } = yield* leave("hold", { drainTimeout: "3 seconds" })
      const answered = yield* start(pop(keyOfA))
      const stuck = yield* start(Effect.flip(pop(keyOfA)))
      yield* settle
      yield* left
      yield* advance("1 second")
      holding(a, "BLPOP bar 0").release(Reply.nullArray)
      assert.strictEqual(yield* Fiber.join(answered), null)
      yield* advance("3 seconds")
      const error = yield* Fiber.join(stuck)
      assert.deepStrictEqual([error.reason._tag, error.delivery], ["ConnectionLost", "MaybeExecuted"])
      assert.strictEqual(a.live.length, 0)
    }))

  it.effect("sends away those who wait for one of its dedicated connections", () =>
    Effect.gen(function*() {
      const { a, b, left, pop } = yield* leave("hold", { maxDedicated: 1, drainTimeout: "1 second" })
      b.on("BLPOP", Reply.nullArray)
      const first = yield* start(Effect.flip(pop(keyOfA)))
      const second = yield* start(pop(keyOfA))
      yield* settle
      assert.strictEqual(a.count("BLPOP bar 0"), 1)
      yield* left
      yield* advance("3 seconds")
      assert.strictEqual((yield* Fiber.join(first)).delivery, "MaybeExecuted")
      assert.strictEqual(yield* Fiber.join(second), null)
    }))
})

describe("the end of the client", () => {
  it.effect("fails everything with Closed, and leaves nothing open", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { a, b, cluster, get, pop, service } = yield* Scope.provide(connected({ maxDedicated: 1 }), scope)
      a.on("GET", "hold").on("BLPOP", "hold").on("DBSIZE", "hold")
      b.accepts = "neither"
      const waiting = [get(keyOfA), pop(keyOfA), pop(keyOfA), get(keyOfB), service.execute(Redis.command("DBSIZE"))]
      const fibers = yield* Effect.forEach(
        waiting,
        (effect) => start(Effect.result(effect as ReturnType<typeof get>))
      )
      yield* settle
      const closing = yield* start(Scope.close(scope, Exit.void))
      yield* advance("1900 millis")
      assert.isUndefined(closing.pollUnsafe())
      yield* advance("100 millis")
      assert.isDefined(closing.pollUnsafe())
      for (const fiber of fibers) {
        const result = yield* Fiber.join(fiber)
        assert.strictEqual(Result.isFailure(result) && result.failure.reason._tag, "Closed")
      }
      assert.strictEqual(cluster.live, 0)
      const late = yield* Effect.flip(get(keyOfA))
      assert.deepStrictEqual([late.reason._tag, late.delivery], ["Closed", "NotSent"])
      assert.strictEqual((yield* Effect.flip(pop(keyOfA))).reason._tag, "Closed")
      const on = yield* Effect.flip(onNodesOf(service).executeOn(address, Redis.get("k")))
      assert.strictEqual(on.reason._tag, "Closed")
      yield* advance("10 seconds")
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect("stops those who try for ever", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { a, cluster, get, pop } = yield* Scope.provide(connected(), scope)
      a.on("GET", "hold").on("BLPOP", "hold")
      let tries = 0
      const stubborn = (effect: Effect.Effect<unknown, unknown>) =>
        start(Effect.retry(Effect.tapError(effect, () => Effect.sync(() => tries++)), { times: 100 }))
      const fibers = yield* Effect.forEach([get(keyOfA), pop(keyOfA)], stubborn)
      yield* settle
      yield* start(Scope.close(scope, Exit.void))
      yield* advance("2 seconds")
      for (const fiber of fibers) assert.isTrue(Exit.isFailure(yield* Fiber.await(fiber)))
      assert.strictEqual(tries, 202)
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect("also ends what a node that left was still sent", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { a, cluster, get, pop, service } = yield* Scope.provide(connected({ drainTimeout: "10 seconds" }), scope)
      a.on("GET", "hold").on("BLPOP", "hold")
      const fibers = yield* Effect.forEach([get(keyOfA), pop(keyOfA)], (effect) =>
        start(Effect.flip(effect as ReturnType<typeof get>)))
      yield* settle
      cluster.slots = [[0, 10922, "b:7000"], [10923, 16383, "c:7000"]]
      yield* service.refresh
      yield* advance("9 seconds")
      yield* start(Scope.close(scope, Exit.void))
      // It had begun to be waited for, and is given its time anew.
      yield* advance("10 seconds")
      for (const fiber of fibers) {
        assert.strictEqual((yield* Fiber.join(fiber)).reason._tag, "Closed")
      }
      assert.strictEqual(cluster.live, 0)
    }))
})
