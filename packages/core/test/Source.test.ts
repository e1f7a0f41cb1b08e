/** Topologies whose map comes from a source of the program's own. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as NodePool from "../src/NodePool.ts"
import * as Nodes from "../src/Nodes.ts"
import * as Redis from "../src/Redis.ts"
import * as RedisCluster from "../src/RedisCluster.ts"
import * as RedisError from "../src/RedisError.ts"
import * as Session from "../src/Session.ts"
import * as Slot from "../src/Slot.ts"
import * as SlotMap from "../src/SlotMap.ts"
import * as Topology from "../src/Topology.ts"
import { start } from "./support/client.ts"
import { address } from "./support/learning.ts"
import { advance, keyOfA, keyOfB, keyOfC, settle, slotOfA, threeNodes } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import { clientOf, mapOf, told, whole } from "./support/sources.ts"

const notNow = new RedisError.RedisError({
  reason: new RedisError.DiscoveryFailed({ attempts: [{ node: "the registry", problem: "it is asleep" }] }),
  delivery: "NotSent",
  attempts: 0
})

describe("a source", () => {
  it.effect("tells the map, and no node is asked for it", () =>
    Effect.gen(function*() {
      const { asked, source } = told()
      const { cluster, run } = yield* clientOf(source)
      assert.deepStrictEqual(yield* run(Redis.pipeline([keyOfA, keyOfB, keyOfC].map((key) => Redis.get(key)))), [
        "a:7000",
        "b:7000",
        "c:7000"
      ])
      assert.strictEqual(asked.times, 1)
      for (const node of cluster.nodes.values()) assert.strictEqual(node.count("CLUSTER SLOTS"), 0)
    }))

  it.effect("is asked again every so often, and when a connection is lost; what is new is told", () =>
    Effect.gen(function*() {
      const { asked, source } = told()
      const { a, run, topology } = yield* clientOf(source, { refreshInterval: "10 seconds" })
      const moves: Array<string> = []
      yield* start(Stream.runForEach(topology.changes, ({ moved }) =>
        Effect.sync(() => {
          for (const { from, to } of moved) moves.push(`${from?.key} ${to?.key}`)
        })))
      yield* settle
      yield* run(Redis.get(keyOfA))
      asked.map = mapOf("b:7000", "b:7000", "c:7000")
      a.drop()
      yield* advance("1 second")
      assert.deepStrictEqual(moves, ["a:7000 b:7000"])
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "b:7000")
      const { times } = asked
      yield* advance("15 seconds")
      assert.isAbove(asked.times, times)
    }))

  it.effect("is asked again when it has news, however many", () =>
    Effect.gen(function*() {
      const latch = Latch.makeUnsafe(false)
      const { asked, source } = told({ news: Effect.andThen(latch.await, latch.close) })
      yield* clientOf(source)
      assert.strictEqual(asked.times, 1)
      yield* latch.open
      yield* advance("100 millis")
      assert.strictEqual(asked.times, 2)
      yield* latch.open
      yield* advance("1 second")
      assert.strictEqual(asked.times, 3)
    }))

  it.effect.each<readonly [string, Effect.Effect<void, unknown>]>([
    ["never end", Effect.never],
    ["always end", Effect.void],
    ["fail", Effect.fail("no news")],
    ["die", Effect.die("a bug")],
    ["end as if interrupted", Effect.interrupt]
  ])("is not asked without end by news that %s", ([, news]) =>
    Effect.gen(function*() {
      const { asked, source } = told({ news })
      const { run } = yield* clientOf(source)
      yield* advance("10 seconds")
      assert.isBelow(asked.times, 40)
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
    }))

  it.effect("hears its news again after they have ended as if interrupted, until the client ends", () =>
    Effect.gen(function*() {
      let times = 0
      const news = Effect.suspend(() => ++times === 2 ? Effect.void : Effect.interrupt)
      const { asked, source } = told({ news })
      yield* Effect.scoped(Effect.andThen(clientOf(source), advance("2 seconds")))
      assert.strictEqual(asked.times, 2)
      const before = times
      yield* advance("2 seconds")
      assert.strictEqual(times, before)
    }))

  it.effect("that knows nothing of redirects is asked again after a MOVED, which is followed", () =>
    Effect.gen(function*() {
      const { asked, source } = told()
      const { a, run, topology } = yield* clientOf(source)
      a.once("GET", Reply.error(`MOVED ${slotOfA} b:7000`))
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "b:7000")
      assert.strictEqual(yield* topology.current, whole)
      yield* advance("1 second")
      assert.isAtLeast(asked.times, 2)
    }))

  it.effect("that fails at first fails the layer; later the map stays, and it is told", () =>
    Effect.gen(function*() {
      const { asked, source } = told()
      asked.map = notNow
      const error = yield* Effect.flip(Effect.scoped(clientOf(source)))
      assert.strictEqual(error, notNow)
      asked.map = whole
      const { run, topology } = yield* clientOf(source)
      const seen: Array<Topology.BackgroundFailure> = []
      yield* start(Stream.runForEach(topology.failures, (failure) => Effect.sync(() => seen.push(failure))))
      yield* settle
      asked.map = notNow
      topology.requestRefresh()
      yield* advance("1 second")
      assert.deepInclude(seen, { source: "Refresh", error: notNow })
      assert.strictEqual(yield* topology.current, whole)
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
    }))

  it.effect("that dies is asked again, and who waits for it is told", () =>
    Effect.gen(function*() {
      let dies = false
      const { source } = told({
        learn: Effect.suspend(() => dies ? Effect.die("a bug") : Effect.succeed(whole))
      })
      const { topology } = yield* clientOf(source)
      dies = true
      const error = yield* Effect.flip(topology.refresh)
      assert.strictEqual(error.reason._tag, "DiscoveryFailed")
      topology.requestRefresh()
      yield* advance("1 second")
      dies = false
      topology.requestRefresh()
      const { refreshes } = topology
      const before = refreshes()
      yield* advance("2 seconds")
      assert.isAbove(refreshes(), before)
    }))

  it.effect("is asked again when it wanted to be", () =>
    Effect.gen(function*() {
      const { asked, source } = told({ dueAt: () => asked.times === 1 ? 5000 : undefined })
      yield* clientOf(source)
      yield* advance("4900 millis")
      assert.strictEqual(asked.times, 1)
      yield* advance("100 millis")
      assert.strictEqual(asked.times, 2)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(asked.times, 2)
    }))

  it.effect("corrects the map by what redirects say", () =>
    Effect.gen(function*() {
      const said: Array<string> = []
      const { asked, source } = told({
        redirects: {
          addressOf: () => Result.succeed(address("c:7000")),
          patch: (map, slot, target, from) => {
            said.push(`patch ${slot} ${target.key} ${from}`)
            return asked.map = SlotMap.patch(map, slot, target)
          },
          serves: (slot, node) => said.push(`serves ${slot} ${node}`),
          disclaim: (map, slot, node) => {
            said.push(`disclaim ${slot} ${node}`)
            return map
          }
        }
      })
      const { a, run, topology } = yield* clientOf(source)
      a.once("GET", Reply.error(`MOVED ${slotOfA} elsewhere:1`))
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "c:7000")
      assert.deepStrictEqual(said, [`patch ${slotOfA} c:7000 a:7000`, `serves ${slotOfA} c:7000`])
      assert.strictEqual(SlotMap.shardOf(yield* topology.current, slotOfA)?.primary?.address.key, "c:7000")
    }))

  it.effect("whose nodes serve any keys together lets such commands through, to the node of the first", () =>
    Effect.gen(function*() {
      const { source } = told({ oneSlot: false })
      const { b, run } = yield* clientOf(source)
      b.on("MGET", Reply.array([Reply.bulk("1"), Reply.bulk("2")]))
      assert.deepStrictEqual(yield* run(Redis.mget([keyOfB, keyOfA])), ["1", "2"])
      b.once("MGET", Reply.error("NOPERM no permissions to access a key"))
      const results = yield* run(Redis.mget([keyOfB, keyOfA], { mode: "result" }))
      assert.deepStrictEqual(results.map(Result.isSuccess), [false, false])
      const session = Session.use({ keys: [keyOfB, keyOfA] }, Redis.mget([keyOfB, keyOfC]))
      assert.deepStrictEqual(yield* run(session), ["1", "2"])
      const others = Session.use({ keys: keyOfB }, Redis.mget([keyOfA, keyOfC]))
      assert.deepStrictEqual(yield* run(others), ["1", "2"])
      const strict = yield* clientOf(told().source)
      const error = yield* Effect.flip(strict.run(Redis.sinter([keyOfB, keyOfA])))
      assert.strictEqual(error.reason._tag, "CrossSlot")
    }))

  it.effect("whose nodes serve any keys together keeps the order of commands on a key, whatever else they name", () =>
    Effect.gen(function*() {
      const map = Result.getOrThrow(SlotMap.make([{ primary: address("a:7000"), slots: [[0, 16383]] }]))
      const { source } = told({ learn: Effect.succeed(map), oneSlot: false })
      const { a, run } = yield* clientOf(source)
      const loading = Reply.error("LOADING Redis is loading the dataset in memory")
      a.once("MSET", loading, loading, Reply.simple("OK"))
      a.once("SET", loading, Reply.simple("OK"))
      const stored = yield* start(
        run(Redis.pipeline([Redis.mset({ [keyOfB]: "1", [keyOfA]: "1" }), Redis.set(keyOfA, "2")]))
      )
      yield* advance("5 seconds")
      assert.deepStrictEqual(yield* Fiber.join(stored), ["OK", "OK"])
      const received = a.connections.flatMap((connection) => connection.received).filter((line) => /^M?SET /.test(line))
      assert.deepStrictEqual(received.map((line) => line.split(" ")[0]), ["MSET", "SET", "MSET", "MSET", "SET"])
    }))

  it.effect("whose nodes serve any keys together keeps that order over several connections to a node, too", () =>
    Effect.gen(function*() {
      const map = Result.getOrThrow(SlotMap.make([{ primary: address("a:7000"), slots: [[0, 16383]] }]))
      const { a, run } = yield* clientOf(Topology.fixed(map, { oneSlot: false }), { connectionsPerNode: 4 })
      const keys = ["a", "b", "c", "d", "e"]
      assert.isAbove(new Set(keys.map((key) => Slot.fromKey(key) % 4)).size, 1)
      a.on("MSET", Reply.simple("OK"))
      const commands = keys.map((key) => Redis.mset({ [key]: "1", [keyOfA]: "1" }))
      yield* run(Redis.pipeline([...commands, Redis.set(keyOfA, "2")]))
      const carrying = a.connections.filter(({ received }) => received.some((line) => /^M?SET /.test(line)))
      assert.strictEqual(carrying.length, 1)
      // By themselves they use all of them.
      for (const key of keys) yield* run(Redis.set(key, "1"))
      assert.isAbove(a.connections.filter(({ received }) => received.some((line) => /^SET . 1$/.test(line))).length, 1)
    }))

  it.effect.each<readonly [string, unknown]>([
    ["nothing", undefined],
    ["text", "redis://localhost"],
    ["no Effect to open it", { open: () => whole }]
  ])("has to be one, which %s is not", ([, given]) =>
    Effect.gen(function*() {
      const make = Effect.flatMap(NodePool.make(), (pool) =>
        Effect.provideService(Topology.fromSource(given as Topology.Source), NodePool.NodePool, pool))
      const error = yield* Effect.flip(threeNodes().cluster.provide(make))
      assert.strictEqual(error.reason._tag, "InvalidArgument")
      assert.include(error.message, "give a Topology.Source")
    }))
})

describe("a source of nodes that refuse READONLY", () => {
  it.effect("has replicas that are read from without it", () =>
    Effect.gen(function*() {
      const map = Result.getOrThrow(
        SlotMap.make([{ primary: address("a:7000"), replicas: [address("b:7000")], slots: [[0, 16383]] }])
      )
      const { b, run } = yield* clientOf(Topology.fixed(map, { oneSlot: false }))
      b.on("READONLY", Reply.error("ERR This instance has cluster support disabled"))
      assert.strictEqual(yield* run(Nodes.executeOn("b:7000", Redis.get(keyOfA))), "b:7000")
      assert.strictEqual(b.count("READONLY"), 1)
    }))

  it.effect("is none of a cluster, where such a server is a stranger at the address of a replica", () =>
    Effect.gen(function*() {
      const map = Result.getOrThrow(
        SlotMap.make([{ primary: address("a:7000"), replicas: [address("b:7000")], slots: [[0, 16383]] }])
      )
      const { b, run } = yield* clientOf(Topology.fixed(map))
      b.on("READONLY", Reply.error("ERR This instance has cluster support disabled"))
      const read = Effect.flip(run(Nodes.executeOn("b:7000", Redis.get(keyOfA))))
      assert.include((yield* read).message, "cluster support disabled")
    }))
})

describe("a client over a pool and a topology that the program provides", () => {
  it.effect("goes by them, and leaves them open when it ends", () =>
    Effect.gen(function*() {
      const { cluster } = threeNodes()
      const pool = yield* cluster.provide(NodePool.make())
      const topology = yield* cluster.provide(
        Effect.provideService(Topology.fromSource(Topology.fixed(whole)), NodePool.NodePool, pool)
      )
      const once = Redis.get(keyOfA).pipe(
        Effect.provide(
          RedisCluster.layerClient().pipe(
            Layer.provide(Layer.succeed(Topology.Topology, topology)),
            Layer.provide(Layer.succeed(NodePool.NodePool, pool))
          )
        )
      )
      assert.strictEqual(yield* cluster.provide(once), "a:7000")
      assert.strictEqual(yield* cluster.provide(once), "a:7000")
      assert.strictEqual(cluster.node("a:7000").connections.length, 1)
      assert.strictEqual(cluster.live, 1)
    }))

  it.effect("refuses settings that are not its own", () =>
    Effect.gen(function*() {
      const options: object = { nodes: ["a:7000"] }
      const fixed = Topology.fixed(whole)
      const client = RedisCluster.layerClient(options).pipe(
        Layer.provide(Topology.layerFromSource(fixed)),
        Layer.provide(NodePool.layer())
      )
      for (const layer of [client, RedisCluster.layerFromSource(fixed, options)]) {
        const error = yield* Effect.flip(Effect.scoped(threeNodes().cluster.provide(Layer.build(layer))))
        assert.include(error.message, "nodes is not an option")
      }
    }))
})
