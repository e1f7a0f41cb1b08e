import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Redis from "../src/Redis.ts"
import type * as RedisCluster from "../src/RedisCluster.ts"
import { carrying, connected, onNodesOf, start } from "./support/client.ts"
import { shard } from "./support/replicas.ts"
import { advance, keyOfA, keyOfB, keyOfC, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

const bounds: ReadonlyArray<readonly [string, Partial<RedisCluster.Options>]> = [
  ["callers wait for room", { maxInFlight: 1 }],
  ["callers fail beyond it", { maxInFlight: 1, failWhenFull: true }]
]

/** A client with room for one command a node, which a GET takes at each. More GETs wait, or fail. */
const full = Effect.fnUntraced(function*(options: Partial<RedisCluster.Options>) {
  const client = yield* connected(options)
  for (const node of client.cluster.nodes.values()) node.on("GET", "hold")
  const gets = yield* Effect.forEach(
    [keyOfA, keyOfB, keyOfC],
    (key) => Effect.replicateEffect(start(Effect.exit(client.run(Redis.get(key)))), 3)
  )
  yield* settle
  return { ...client, gets: gets.flat() }
})

describe("where a node has no room for more commands, and", () => {
  it.effect.each(bounds)("%s, it is asked for the map", ([, options]) =>
    Effect.gen(function*() {
      const { cluster, gets, service } = yield* full(options)
      const before = cluster.questions
      const refresh = yield* start(service.topology.refresh)
      yield* settle
      assert.strictEqual(cluster.questions - before, 3)
      for (const node of cluster.nodes.values()) {
        node.on("GET", Reply.bulk(node.key))
        carrying(node, "CLUSTER SLOTS").at(-1)!.release(Reply.bulk("held"))
      }
      const map = yield* Fiber.join(refresh)
      assert.strictEqual(map.nodes.size, 3)
      const exits = yield* Effect.forEach(gets, (get) => Fiber.join(get))
      assert.strictEqual(exits.filter(Exit.isSuccess).length, options.failWhenFull === true ? 3 : 9)
    }))

  it.effect.each(bounds)("%s, it is asked for its role", ([, options]) =>
    Effect.gen(function*() {
      const { b, get, warm } = yield* shard({
        ...options,
        readFrom: "replica",
        slots: [[0, 16383, "a:7000", "b:7000"]]
      })
      yield* warm()
      const before = b.count("ROLE")
      b.on("GET", "hold")
      yield* start(Effect.exit(get()))
      yield* advance("1100 millis")
      yield* Effect.replicateEffect(start(Effect.exit(get())), 3)
      yield* settle
      assert.strictEqual(b.count("ROLE") - before, 1)
    }))

  it.effect.each(bounds)("%s, it is sent PINGs", ([, options]) =>
    Effect.gen(function*() {
      const { a } = yield* full({ ...options, commandTimeout: "1 minute" })
      const before = a.count("PING")
      yield* advance("6 seconds")
      assert.strictEqual(a.count("PING") - before, 1)
    }))

  it.effect.each(bounds)(
    "%s, it is told to let go what blocks when the client ends",
    ([, options]) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const { a, run } = yield* Scope.provide(full(options), scope)
        a.on("HELLO", Reply.map([[Reply.bulk("proto"), Reply.integer(3)], [Reply.bulk("id"), Reply.integer(7)]]))
        a.on("BLPOP", "hold").on("CLIENT UNBLOCK", Reply.integer(1))
        yield* start(Effect.exit(run(Redis.blpop([keyOfA], "1 minute"))))
        yield* settle
        const end = yield* start(Scope.close(scope, Exit.void))
        yield* settle
        assert.strictEqual(a.count("CLIENT UNBLOCK 7 ERROR"), 1)
        yield* advance("3 seconds")
        yield* Fiber.join(end)
      })
  )
})

describe("SCRIPT KILL and FUNCTION KILL", () => {
  const kills = [["SCRIPT KILL", Redis.scriptKill()], ["FUNCTION KILL", Redis.functionKill()]] as const

  it.effect.each(kills)("need none of the dedicated connections: %s", ([name, kill]) =>
    Effect.gen(function*() {
      const { a, cluster, run, service } = yield* connected({ maxDedicated: 2, leaseTimeout: "1 second" })
      for (const node of cluster.nodes.values()) {
        node.on("BLPOP", "hold").on(name, Reply.error("NOTBUSY No scripts in execution right now."))
      }
      a.on(name, Reply.simple("OK"))
      const pop = start(Effect.exit(run(Redis.blpop([keyOfA], "1 minute"))))
      const pops = yield* Effect.replicateEffect(pop, 5)
      yield* settle
      const before = cluster.live
      assert.strictEqual(yield* run(kill), "OK")
      yield* settle
      // What they went over is closed again.
      assert.strictEqual(cluster.live, before)
      const { executeOn } = onNodesOf(service)
      assert.strictEqual(yield* executeOn(service.topology.currentUnsafe().nodes.get("a:7000")!.address, kill), "OK")
      yield* Effect.forEach(pops, (fiber) => Fiber.interrupt(fiber))
    }))

  it.effect("come back when the client ends, and are waited for", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { a, cluster, run } = yield* Scope.provide(connected(), scope)
      for (const node of cluster.nodes.values()) node.on("SCRIPT KILL", Reply.simple("OK"))
      a.on("SCRIPT KILL", "hold")
      const fiber = yield* start(run(Redis.scriptKill()))
      yield* settle
      const end = yield* start(Scope.close(scope, Exit.void))
      yield* settle
      carrying(a, "SCRIPT KILL")[0].release(Reply.simple("OK"))
      assert.strictEqual(yield* Fiber.join(fiber), "OK")
      yield* advance("100 millis")
      yield* Fiber.join(end)
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect("fail by their deadline when no connection can be opened", () =>
    Effect.gen(function*() {
      const { a, cluster, run } = yield* connected({ commandTimeout: "1 second" })
      for (const node of cluster.nodes.values()) node.on("SCRIPT KILL", Reply.error("NOTBUSY No scripts"))
      a.accepts = "neither"
      const fiber = yield* start(Effect.exit(run(Redis.scriptKill())))
      yield* advance("1100 millis")
      const exit = yield* Fiber.join(fiber)
      assert.isTrue(Exit.isFailure(exit))
    }))
})

describe("a client with room for one command a node", () => {
  it.effect("shakes hands, learns the map and answers", () =>
    Effect.gen(function*() {
      const { run } = yield* connected({ maxInFlight: 1, failWhenFull: true })
      assert.strictEqual(yield* run(Redis.get(keyOfA)), "a:7000")
    }))
})
