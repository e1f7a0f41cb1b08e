import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Address from "../src/Address.ts"
import * as SlotMap from "../src/SlotMap.ts"
import type * as Topology from "../src/Topology.ts"
import { address, learn, owners, ownersOf, start } from "./support/learning.ts"
import { advance, settle } from "./support/scenes.ts"
import { Reply, scriptedCluster } from "./support/ScriptedCluster.ts"
import type { Slots } from "./support/slotsReply.ts"

const thirds: Slots = [[0, 5460, "a:7000"], [5461, 10922, "b:7000"], [10923, 16383, "c:7000"]]
const halves: Slots = [[0, 8191, "a:7000"], [8192, 16383, "b:7000"]]

describe("discovery", () => {
  it.effect("learns the layout from the only seed that lives", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      for (const key of ["x:1", "y:2"]) cluster.node(key).accepts = "none"
      const { topology } = yield* learn(cluster, ["x:1", "b:7000", "y:2"])
      assert.deepStrictEqual(owners(yield* topology.current), ownersOf(thirds))
    }))

  it.effect("learns it from a replica", () =>
    Effect.gen(function*() {
      const slots: Slots = [[0, 16383, "a:7000", "r:7000"]]
      const cluster = scriptedCluster(slots)
      const { topology } = yield* learn(cluster, ["r:7000"])
      const map = yield* topology.current
      assert.deepStrictEqual(owners(map), ownersOf(slots))
      assert.strictEqual(map.nodes.get("r:7000")?.role, "replica")
    }))

  it.effect("waits two seconds, no longer, for a seed that says nothing", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(halves)
      cluster.node("x:1").frozen = true
      cluster.node("y:2").accepts = "neither"
      const fiber = yield* start(learn(cluster, ["x:1", "y:2", "a:7000"]))
      yield* advance("1900 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* advance("150 millis")
      assert.isDefined(fiber.pollUnsafe())
    }))

  it.effect("fails when no seed tells it, and says what became of each", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster([])
      cluster.node("x:1").accepts = "none"
      cluster.node("y:2").on("CLUSTER SLOTS", Reply.error("ERR This instance has cluster support disabled"))
      cluster.node("z:3").on("CLUSTER SLOTS", Reply.array([Reply.integer(7)]))
      const error = yield* Effect.flip(Effect.scoped(learn(cluster, ["x:1", "y:2", "z:3"])))
      assert.strictEqual(error.reason._tag, "DiscoveryFailed")
      assert.strictEqual(error.delivery, "NotSent")
      assert.include(error.message, "x:1: could not connect: x:1 refused the connection")
      assert.include(error.message, "cluster support disabled")
      assert.include(error.message, "z:3: CLUSTER SLOTS entry 0")
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect("takes a cluster that is down, or not fully covered, as it is", () =>
    Effect.gen(function*() {
      const slots: Slots = [[0, 99, "a:7000"], [200, 300, "b:7000"]]
      const cluster = scriptedCluster(slots)
      for (const node of cluster.nodes.values()) node.state = "fail"
      const { topology } = yield* learn(cluster, ["a:7000"])
      assert.deepStrictEqual(owners(yield* topology.current), ownersOf(slots))
    }))

  it.effect("goes through addressMap, and dials no announced address (trap 16)", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster([[0, 8191, "10.0.0.1:7000"], [8192, 16383, "10.0.0.2:7000"]])
      const { topology } = yield* learn(cluster, ["nat:7001"], {
        addressMap: ({ key }) => Address.tcp("nat", key.startsWith("10.0.0.1") ? 7001 : 7002)
      })
      yield* topology.refresh
      assert.deepStrictEqual(owners(yield* topology.current), ["0-8191 nat:7001", "8192-16383 nat:7002"])
      assert.deepStrictEqual(cluster.node("10.0.0.1:7000").dialed, [])
      assert.strictEqual(cluster.node("nat:7001").connections.length, 1)
    }))
})

describe("whose view is believed", () => {
  const views = Effect.fnUntraced(function*() {
    const cluster = scriptedCluster(thirds)
    const learnt = yield* learn(cluster, ["a:7000"])
    const [a, b, c] = ["a:7000", "b:7000", "c:7000"].map((key) => cluster.node(key))
    return { ...learnt, cluster, a, b, c }
  })

  it.effect("that of the majority (trap 12)", () =>
    Effect.gen(function*() {
      const { a, topology } = yield* views()
      a.slots = [[0, 16383, "a:7000"]]
      a.epoch = 9
      assert.deepStrictEqual(owners(yield* topology.refresh), ownersOf(thirds))
    }))

  it.effect("not that of nodes to which the cluster is down, however many (trap 12)", () =>
    Effect.gen(function*() {
      const { a, b, cluster, c, topology } = yield* views()
      for (const node of [a, b]) {
        node.state = "fail"
        node.slots = thirds
      }
      cluster.slots = [[0, 16383, "c:7000"]]
      assert.strictEqual(c.state, "ok")
      assert.deepStrictEqual(owners(yield* topology.refresh), ["0-16383 c:7000"])
    }))

  it.effect("of equally common ones the fuller (trap 12)", () =>
    Effect.gen(function*() {
      const { a, b, c, topology } = yield* views()
      a.slots = [[0, 100, "a:7000"]]
      b.slots = halves
      c.slots = [[0, 16000, "a:7000"]]
      a.epoch = 9
      assert.deepStrictEqual(owners(yield* topology.refresh), ownersOf(halves))
    }))

  it.effect("of equally common and full ones the newer", () =>
    Effect.gen(function*() {
      const { a, b, c, topology } = yield* views()
      a.slots = [[0, 16383, "a:7000"]]
      b.slots = [[0, 16383, "b:7000"]]
      c.slots = [[0, 16383, "c:7000"]]
      b.epoch = 2
      assert.deepStrictEqual(owners(yield* topology.refresh), ["0-16383 b:7000"])
    }))

  it.effect("not an old one over a newer MOVED (trap 11)", () =>
    Effect.gen(function*() {
      const { cluster, topology } = yield* views()
      yield* topology.refresh
      for (const node of cluster.nodes.values()) node.delay = 100
      const refreshing = yield* start(topology.refresh)
      yield* advance("50 millis")
      yield* topology.patch(0, address("c:7000"))
      yield* advance("100 millis")
      yield* Fiber.join(refreshing)
      const map = yield* topology.current
      assert.strictEqual(SlotMap.shardOf(map, 0)?.primary?.address.key, "c:7000")
      assert.strictEqual(SlotMap.shardOf(map, 1)?.primary?.address.key, "a:7000")
    }))

  it.effect("a new one over an old MOVED", () =>
    Effect.gen(function*() {
      const { topology } = yield* views()
      yield* topology.patch(0, address("c:7000"))
      yield* advance("2 seconds")
      assert.deepStrictEqual(owners(yield* topology.refresh), ownersOf(thirds))
    }))

  it.effect("slots that are missing in it have no owner any more (trap 13)", () =>
    Effect.gen(function*() {
      const { cluster, topology } = yield* views()
      cluster.slots = [[0, 5460, "a:7000"], [10923, 16383, "c:7000"]]
      const map = yield* topology.refresh
      assert.strictEqual(SlotMap.shardOf(map, 6000), undefined)
      assert.strictEqual(map.assigned, 5461 + 5461)
    }))

  it.effect("when nobody tells one, the old map stays (trap 14)", () =>
    Effect.gen(function*() {
      const { cluster, topology } = yield* views()
      for (const node of cluster.nodes.values()) node.on("CLUSTER SLOTS", Reply.error("ERR not now"))
      const error = yield* Effect.flip(topology.refresh)
      assert.strictEqual(error.reason._tag, "DiscoveryFailed")
      assert.deepStrictEqual(owners(yield* topology.current), ownersOf(thirds))
    }))

  it.effect("when all known nodes are gone, that of the seeds (trap 50)", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      const { topology } = yield* learn(cluster, ["redis.internal:7000"])
      for (const node of cluster.nodes.values()) {
        if (node.key === "redis.internal:7000") continue
        node.accepts = "none"
        node.drop()
      }
      cluster.slots = [[0, 8191, "d:7000"], [8192, 16383, "e:7000"]]
      yield* advance("100 millis")
      assert.deepStrictEqual(owners(yield* topology.refresh), ownersOf(cluster.slots))
    }))
})

describe("refreshes", () => {
  it.effect("are shared by all who ask while one is under way (trap 56)", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      const { topology } = yield* learn(cluster, ["a:7000"])
      yield* topology.refresh
      const before = { refreshes: topology.refreshes(), questions: cluster.questions }
      const maps = yield* Effect.all(Array.from({ length: 20 }, () => topology.refresh), { concurrency: "unbounded" })
      assert.strictEqual(new Set(maps).size, 1)
      assert.strictEqual(topology.refreshes(), before.refreshes + 1)
      assert.isAtMost(cluster.questions, before.questions + 3)
    }))

  it.effect("go on when one of those who wait for it is interrupted", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      const { topology } = yield* learn(cluster, ["a:7000"])
      for (const node of cluster.nodes.values()) node.delay = 100
      const first = yield* start(topology.refresh)
      const second = yield* start(topology.refresh)
      yield* Fiber.interrupt(first)
      yield* advance("200 millis")
      assert.deepStrictEqual(owners(yield* Fiber.join(second)), ownersOf(thirds))
    }))

  it.effect("end with the scope: those who wait are not left waiting, nor those who come later", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      const scope = yield* Scope.make()
      const { topology } = yield* Scope.provide(learn(cluster, ["a:7000"]), scope)
      for (const node of cluster.nodes.values()) node.frozen = true
      const during = yield* start(topology.refresh)
      yield* settle
      yield* Scope.close(scope, Exit.void)
      const after = yield* start(topology.refresh)
      yield* settle
      assert.isDefined(during.pollUnsafe())
      assert.isDefined(after.pollUnsafe())
      assert.strictEqual(cluster.live, 0)
    }))

  it.effect("in the background keep a distance, which grows while they bring nothing new (trap 22)", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      const { topology } = yield* learn(cluster, ["a:7000"], { refreshInterval: Infinity })
      yield* topology.refresh
      const times: Array<number> = []
      let seen = topology.refreshes()
      for (let now = 0; now < 20_000; now += 10) {
        topology.requestRefresh()
        yield* advance(10)
        if (topology.refreshes() > seen) times.push(now)
        seen = topology.refreshes()
      }
      const pauses = times.slice(1).map((time, i) => time - times[i])
      assert.isAtLeast(times.length, 6)
      assert.isAtMost(times.length, 15)
      assert.isAtLeast(Math.min(...pauses.slice(3)), 190)
      // Jittered, so that many clients do not ask in step.
      assert.isAtLeast(new Set(pauses).size, 5)
    }))

  it.effect("come by themselves every so often", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      const { topology } = yield* learn(cluster, ["a:7000"], { refreshInterval: "1 minute" })
      const before = topology.refreshes()
      yield* advance("40 seconds")
      assert.strictEqual(topology.refreshes(), before)
      yield* advance("40 seconds")
      assert.strictEqual(topology.refreshes(), before + 1)
    }))

  it.effect("don't come by themselves when the interval is infinite", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      const { topology } = yield* learn(cluster, ["a:7000"], { refreshInterval: "Infinity" })
      const before = topology.refreshes()
      yield* advance("3 minutes")
      assert.strictEqual(topology.refreshes(), before)
    }))

  it.effect.each([0, -1, "soon" as "1 second"])(
    "refuse an interval that is none: %s",
    (refreshInterval) =>
      Effect.gen(function*() {
        const cluster = scriptedCluster(thirds)
        const error = yield* Effect.flip(learn(cluster, ["a:7000"], { refreshInterval }))
        assert.strictEqual(error.reason._tag, "InvalidArgument")
        assert.include(error.message, "refreshInterval")
      })
  )

  it.effect("don't wait for a frozen node once the others agree (trap 49)", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      const { topology } = yield* learn(cluster, ["a:7000"])
      cluster.node("b:7000").frozen = true
      cluster.slots = halves
      assert.deepStrictEqual(owners(yield* topology.refresh), ownersOf(halves))
    }))

  it.effect("are asked for when a connection is lost", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(thirds)
      const { topology } = yield* learn(cluster, ["a:7000"])
      const before = topology.refreshes()
      cluster.node("a:7000").drop()
      yield* advance("1 second")
      assert.isAbove(topology.refreshes(), before)
    }))
})

describe("a change", () => {
  it.effect("is told with what was before and after, and nothing is told when nothing changed", () =>
    Effect.gen(function*() {
      const cluster = scriptedCluster(halves)
      const { topology } = yield* learn(cluster, ["a:7000"])
      const changes: Array<Topology.Change> = []
      yield* start(Stream.runForEach(topology.changes, (change) => Effect.sync(() => changes.push(change))))
      yield* settle
      yield* topology.refresh
      yield* settle
      assert.deepStrictEqual(changes, [])
      cluster.slots = [[0, 99, "c:7000"], [100, 8191, "a:7000"], [8192, 16383, "b:7000"]]
      const after = yield* topology.refresh
      yield* topology.refresh
      yield* settle
      assert.strictEqual(changes.length, 1)
      const [change] = changes
      assert.strictEqual(change.after.assigned, after.assigned)
      assert.deepStrictEqual(change.added.map((node) => node.address.key), ["c:7000"])
      assert.deepStrictEqual(change.moved.map(({ end, from, start, to }) => [start, end, from?.key, to?.key]), [
        [0, 99, "a:7000", "c:7000"]
      ])
      yield* topology.patch(100, address("b:7000"))
      yield* settle
      assert.strictEqual(changes.length, 2)
    }))
})
