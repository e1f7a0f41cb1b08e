import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Redis from "../src/Redis.ts"
import type * as RedisCluster from "../src/RedisCluster.ts"
import * as Session from "../src/Session.ts"
import type * as Topology from "../src/Topology.ts"
import { connected, start } from "./support/client.ts"
import { advance, keyOfA, keyOfB, settle, slotOfA } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"

/** A client, and what it is told to listen to. */
const listening = Effect.fnUntraced(function*(options?: Partial<RedisCluster.Options>) {
  const client = yield* connected(options)
  const told: Array<RedisCluster.BackgroundFailure> = []
  const changes: Array<Topology.Change> = []
  const listener = yield* start(
    Stream.runForEach(client.service.failures, (failure) => Effect.sync(() => told.push(failure)))
  )
  yield* start(Stream.runForEach(client.service.topology.changes, (change) => Effect.sync(() => changes.push(change))))
  yield* settle
  const reasons = () => told.map(({ error, source }) => `${source} ${error.reason._tag} ${error.node}`)
  return { ...client, changes, listener, reasons, told }
})

describe("failures", () => {
  it.effect("tell of a connection that was lost, though nobody was using it", () =>
    Effect.gen(function*() {
      const { a, reasons, told } = yield* listening()
      a.connections[0].drop("the cable was cut")
      yield* settle
      assert.deepStrictEqual(reasons(), ["Connection ConnectionLost a:7000"])
      assert.include(told[0].error.message, "the cable was cut")
      assert.strictEqual(told[0].error.attempts, 0)
    }))

  it.effect("tell of each try to open it again that fails", () =>
    Effect.gen(function*() {
      const { a, reasons } = yield* listening()
      yield* advance("5 seconds")
      a.accepts = "none"
      a.drop()
      // They are told once a refresh has shown that the node is still a member.
      yield* advance("1 second")
      const [lost, ...refused] = reasons()
      assert.strictEqual(lost, "Connection ConnectionLost a:7000")
      assert.isAtLeast(refused.length, 3)
      assert.deepStrictEqual(new Set(refused), new Set(["Connection ConnectionFailed a:7000"]))
    }))

  it.effect("tell of a layout that can't be learnt, and go on when it can", () =>
    Effect.gen(function*() {
      const { cluster, reasons, service } = yield* listening()
      for (const node of cluster.nodes.values()) node.on("CLUSTER SLOTS", Reply.error("ERR not now"))
      service.topology.requestRefresh()
      yield* advance("1 second")
      assert.isAtLeast(reasons().length, 1)
      assert.deepStrictEqual(new Set(reasons()), new Set(["Refresh DiscoveryFailed undefined"]))
    }))

  it.effect("say nothing of commands that fail, or of a session's connection: their callers are told", () =>
    Effect.gen(function*() {
      const { a, reasons, run } = yield* listening()
      a.once("GET", Reply.error("WRONGTYPE no"), "drop")
      yield* Effect.flip(run(Redis.get(keyOfA)))
      yield* Effect.flip(run(Session.use({ keys: keyOfA }, Redis.get(keyOfA))))
      yield* settle
      assert.deepStrictEqual(reasons(), [])
    }))

  it.effect("say nothing of a node that has left the cluster, which closes its connections then or later", () =>
    Effect.gen(function*() {
      const { b, cluster, reasons, run, service } = yield* listening()
      yield* run(Redis.get(keyOfB))
      cluster.slots = [[0, 10922, "a:7000"], [10923, 16383, "c:7000"]]
      yield* service.refresh
      b.accepts = "none"
      b.drop()
      yield* advance("5 seconds")
      assert.deepStrictEqual(reasons(), [])
      assert.strictEqual(cluster.live, 2)
    }))

  it.effect("say nothing of one whose end is the first that is heard of it", () =>
    Effect.gen(function*() {
      const { b, cluster, reasons, run } = yield* listening()
      yield* run(Redis.get(keyOfB))
      cluster.slots = [[0, 10922, "a:7000"], [10923, 16383, "c:7000"]]
      b.accepts = "none"
      b.drop()
      yield* advance("5 seconds")
      assert.deepStrictEqual(reasons(), [])
      assert.strictEqual(cluster.live, 2)
    }))

  it.effect("say nothing of connections that are replaced, because their node names itself as another", () =>
    Effect.gen(function*() {
      const { a, reasons, run } = yield* listening()
      yield* advance("2 seconds")
      a.once("GET", Reply.error(`MOVED ${slotOfA} a:7000`))
      const reading = yield* start(run(Redis.get(keyOfA)))
      yield* advance("3 seconds")
      assert.strictEqual(yield* Fiber.join(reading), "a:7000")
      assert.isAtLeast(a.connections.length, 2)
      assert.deepStrictEqual(reasons(), [])
    }))

  it.effect("tell of one when it can't be learnt whether it has left", () =>
    Effect.gen(function*() {
      const { b, cluster, reasons, run } = yield* listening()
      yield* run(Redis.get(keyOfB))
      for (const node of cluster.nodes.values()) node.on("CLUSTER SLOTS", Reply.error("ERR not now"))
      b.drop()
      yield* advance("2 seconds")
      assert.include(reasons(), "Connection ConnectionLost b:7000")
    }))

  it.effect("begin with the listening, for each who listens", () =>
    Effect.gen(function*() {
      const { a, reasons, service } = yield* listening()
      a.drop()
      yield* settle
      const late: Array<string> = []
      yield* start(Stream.runForEach(service.failures, ({ source }) => Effect.sync(() => late.push(source))))
      yield* settle
      assert.deepStrictEqual([reasons().length, late], [1, []])
    }))

  it.effect("wait for no slow listener, who misses the oldest", () =>
    Effect.gen(function*() {
      const { a, service, told } = yield* listening()
      const seen: Array<RedisCluster.BackgroundFailure> = []
      const gate = yield* Latch.make(false)
      const look = (failure: RedisCluster.BackgroundFailure) =>
        Effect.andThen(gate.await, Effect.sync(() => seen.push(failure)))
      yield* start(Stream.runForEach(service.failures, look))
      yield* settle
      a.accepts = "none"
      a.drop()
      while (told.length < 300) yield* Effect.andThen(TestClock.adjust("1 second"), settle)
      assert.deepStrictEqual(seen, [])
      yield* gate.open
      yield* settle
      assert.isAtLeast(seen.length, 256)
      assert.isBelow(seen.length, told.length)
      assert.deepStrictEqual(seen.slice(-256), told.slice(-256))
    }))

  it.effect("end with the client, whose end is no failure", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { listener, reasons, run } = yield* Scope.provide(listening(), scope)
      yield* run(Redis.get(keyOfA))
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.deepStrictEqual(reasons(), [])
      assert.isDefined(listener.pollUnsafe())
      yield* Fiber.await(listener)
    }))
})

describe("changes of the topology", () => {
  it.effect("tell what a MOVED corrects, and what a refresh brings, once each", () =>
    Effect.gen(function*() {
      const { a, changes, cluster, run, service } = yield* listening()
      yield* service.refresh
      yield* settle
      assert.deepStrictEqual(changes, [])
      a.on("GET", Reply.error(`MOVED ${slotOfA} b:7000`))
      yield* run(Redis.get(keyOfA))
      yield* settle
      const moved = () =>
        changes.map(({ moved }) => moved.map(({ end, from, start, to }) => `${start}-${end} ${from?.key} ${to?.key}`))
      assert.deepStrictEqual(moved(), [["5061-5061 a:7000 b:7000"]])
      cluster.slots = [[0, 10922, "b:7000"], [10923, 16383, "d:7000"]]
      yield* service.refresh
      yield* settle
      assert.strictEqual(changes.length, 2)
      const [, { added, removed }] = changes
      assert.deepStrictEqual(added.map(({ address }) => address.key), ["d:7000"])
      assert.deepStrictEqual(removed.map(({ address }) => address.key), ["a:7000", "c:7000"])
    }))

  it.effect("tell of a failover as a change of roles", () =>
    Effect.gen(function*() {
      const { changes, cluster, service } = yield* listening()
      cluster.slots = [[0, 5460, "a:7000", "b:7000"], [5461, 16383, "c:7000"]]
      yield* service.refresh
      cluster.slots = [[0, 5460, "b:7000", "a:7000"], [5461, 16383, "c:7000"]]
      yield* service.refresh
      yield* settle
      const roles = changes.map(({ roleChanged }) =>
        roleChanged.map(({ address, role }) => `${address.key} ${role}`).toSorted()
      )
      assert.deepStrictEqual(roles, [["b:7000 replica"], ["a:7000 replica", "b:7000 primary"]])
    }))
})
