import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { carrier, start } from "./support/client.ts"
import { primary, reading, replica, shard, startReading } from "./support/replicas.ts"
import { advance, keyOfC, settle } from "./support/scenes.ts"
import { Reply } from "./support/ScriptedCluster.ts"
import type { ScriptedNode } from "./support/ScriptedCluster.ts"

const [a, b, c] = ["a:7000", "b:7000", "c:7000"]
const fallible = ["preferReplica", "any", "nearest"] as const
const pair = [[0, 16383, "a:7000", "b:7000"]] as const
const twoShards = [[0, 8191, "a:7000", "b:7000"], [8192, 16383, "d:7000", "e:7000"]] as const

const probes = (node: ScriptedNode) => node.count("ROLE")

describe("nodes that are read from", () => {
  it.effect("are asked for their role about once a second, however many the reads", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "any" })
      for (let second = 0; second < 10; second++) {
        yield* Effect.forEach(Array.from({ length: 500 }), () => nodes.get(), { concurrency: "unbounded" })
        yield* advance("500 millis")
        yield* nodes.answers(100)
        yield* advance("500 millis")
      }
      for (const node of [nodes.a, nodes.b, nodes.c]) {
        assert.isAtLeast(probes(node), 9)
        assert.isAtMost(probes(node), 11)
      }
    }))

  it.effect("are not asked while nobody reads", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "any" })
      yield* nodes.warm()
      const before = [nodes.a, nodes.b, nodes.c].map(probes)
      yield* advance("1 minute")
      assert.deepStrictEqual([nodes.a, nodes.b, nodes.c].map(probes), before)
      yield* nodes.answers(2)
      yield* settle
      assert.deepStrictEqual([nodes.a, nodes.b, nodes.c].map(probes), before.map((count) => count + 1))
    }))

  it.effect("are not asked where only the primary is read, nor are other shards", () =>
    Effect.gen(function*() {
      const { answers, cluster, get, warm } = yield* shard({ readFrom: "primary", slots: twoShards })
      yield* answers(10)
      yield* advance("5 seconds")
      for (const node of cluster.nodes.values()) assert.strictEqual(probes(node), 0)
      yield* warm("any")
      yield* get("primary", keyOfC)
      assert.deepStrictEqual(["a", "b", "d", "e"].map((name) => probes(cluster.node(`${name}:7000`))), [1, 1, 0, 0])
    }))

  it.effect("are asked over the connection that reads take, and hold up none", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica", slots: pair })
      yield* nodes.warm()
      yield* advance("1 second")
      nodes.a.once("ROLE", "hold")
      assert.strictEqual(yield* nodes.get(), b)
      assert.include(carrier(nodes.b, "GET bar").received, "ROLE")
    }))

  it.effect("leave nothing behind when the client ends", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { cluster, get, warm, ...nodes } = yield* Scope.provide(shard({ readFrom: "any" }), scope)
      yield* warm()
      nodes.b.on("ROLE", "hold").on("GET", "hold")
      nodes.c.frozen = true
      yield* advance("1 second")
      const fibers = yield* Effect.forEach([1, 2, 3], () => start(Effect.exit(get())))
      yield* settle
      yield* start(Scope.close(scope, Exit.void))
      yield* advance("2 seconds")
      for (const fiber of fibers) yield* Fiber.join(fiber)
      assert.strictEqual(cluster.live, 0)
      const before = [nodes.a, nodes.b, nodes.c].map(({ dialed }) => dialed.length)
      assert.strictEqual((yield* Effect.flip(get())).reason._tag, "Closed")
      yield* advance("10 seconds")
      assert.strictEqual(cluster.live, 0)
      assert.deepStrictEqual([nodes.a, nodes.b, nodes.c].map(({ dialed }) => dialed.length), before)
    }))
})

describe("a replica that has lost its primary", () => {
  it.effect.each(fallible)("is passed over while others are fit: %s", (readFrom) =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom })
      nodes.b.delay = 1
      yield* start(nodes.warm())
      yield* advance("500 millis")
      nodes.b.on("ROLE", replica("connect"))
      yield* reading(nodes.get(), 1500)
      assert.notInclude(yield* reading(nodes.get(), 2000), b)
      nodes.c.on("ROLE", replica("connecting"))
      yield* reading(nodes.get(), 1500)
      assert.deepStrictEqual(new Set(yield* reading(nodes.get(), 2000)), new Set([a]))
    }))

  it.effect.each(fallible)(
    "goes on for as long as it may be behind when its primary is gone: %s",
    (readFrom) =>
      Effect.gen(function*() {
        const nodes = yield* shard({ readFrom, maxReplicaLag: "5 seconds" })
        yield* nodes.warm()
        nodes.a.accepts = "none"
        nodes.a.drop()
        for (const node of [nodes.b, nodes.c]) node.on("ROLE", replica("connect"))
        const got = yield* reading(nodes.get(), 4500)
        assert.deepStrictEqual(new Set(got), readFrom === "nearest" ? new Set([b]) : new Set([b, c]))
        yield* advance("2 seconds")
        const before = nodes.b.count("GET bar") + nodes.c.count("GET bar")
        const fiber = yield* start(nodes.get())
        yield* advance("1 second")
        assert.isUndefined(fiber.pollUnsafe())
        assert.strictEqual(nodes.b.count("GET bar") + nodes.c.count("GET bar"), before)
        nodes.a.accepts = "all"
        yield* advance("2 seconds")
        assert.strictEqual(yield* Fiber.join(fiber), a)
      })
  )

  it.effect("goes on as long where nobody else may answer, and reads wait after that", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "replica", maxReplicaLag: "5 seconds" })
      yield* nodes.warm()
      yield* nodes.answers(2)
      nodes.b.on("ROLE", replica("connect"))
      yield* reading(nodes.get(), 1500)
      assert.deepStrictEqual(yield* nodes.answers(2), [c, c])
      nodes.c.on("ROLE", replica("connect"))
      yield* reading(nodes.get(), 4000)
      yield* advance("2 seconds")
      const [answered, failed] = [yield* start(nodes.get()), yield* start(Effect.flip(nodes.get()))]
      const sent = nodes.b.count("GET bar") + nodes.c.count("GET bar")
      yield* advance("2 seconds")
      assert.isUndefined(answered.pollUnsafe())
      assert.strictEqual(nodes.b.count("GET bar") + nodes.c.count("GET bar"), sent)
      yield* Fiber.interrupt(answered)
      yield* advance("25 seconds")
      const { delivery, message, reason } = yield* Fiber.join(failed)
      assert.deepStrictEqual([reason._tag, delivery], ["NoNodeForSlot", "NotSent"])
      assert.include(message, "behind")
      nodes.b.on("ROLE", replica())
      const again = yield* start(nodes.get())
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(again), b)
    }))
})

describe("a replica that lags", () => {
  /** A primary that writes a thousand bytes a second, and a replica that stands still from some time on. */
  const writing = Effect.fnUntraced(
    function*(options: { readonly stillFrom: number; readonly maxReplicaLag?: number }) {
      const { maxReplicaLag, stillFrom } = options
      const nodes = yield* shard({ readFrom: "preferReplica", maxReplicaLag })
      let now = 0
      const written = () => 5000 + now
      nodes.a.on("ROLE", () => primary(written()))
      nodes.b.on("ROLE", () => replica("connected", 5000 + Math.min(now, stillFrom)))
      nodes.c.on("ROLE", () => replica("connected", written()))
      /** When, in seconds, each answered. */
      const run = Effect.fnUntraced(function*(seconds: number) {
        const times = new Map<string | null, Array<number>>([[a, []], [b, []], [c, []]])
        for (const end = now + seconds * 1000; now < end; now += 250) {
          for (const node of yield* nodes.answers(2)) times.get(node)!.push(now / 1000)
          yield* advance(250)
        }
        return { a: times.get(a)!, b: times.get(b)!, c: times.get(c)! }
      })
      return { ...nodes, run }
    }
  )

  it.effect("by more than maxReplicaLag is passed over, no sooner, and about a second later", () =>
    Effect.gen(function*() {
      const { run } = yield* writing({ stillFrom: 4000, maxReplicaLag: 5000 })
      const { a, b, c } = yield* run(20)
      assert.isAtMost(Math.max(...a), 0)
      assert.isAtLeast(Math.max(...b), 9)
      assert.isAtMost(Math.max(...b), 11.5)
      assert.strictEqual(Math.max(...c), 19.75)
    }))

  it.effect("is passed over after ten seconds, where nothing else is said", () =>
    Effect.gen(function*() {
      const { run } = yield* writing({ stillFrom: 0 })
      const { b } = yield* run(20)
      assert.isAtLeast(Math.max(...b), 10)
      assert.isAtMost(Math.max(...b), 12.5)
    }))

  it.effect("is waited for where nobody else may answer", () =>
    Effect.gen(function*() {
      const nodes = yield* writing({ stillFrom: 0, maxReplicaLag: 3000 })
      nodes.c.on("ROLE", replica("connected", 5000))
      yield* nodes.run(6)
      const sent = nodes.b.count("GET bar") + nodes.c.count("GET bar")
      const fiber = yield* start(nodes.get("replica"))
      yield* advance("2 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      assert.strictEqual(nodes.b.count("GET bar") + nodes.c.count("GET bar"), sent)
      nodes.c.on("ROLE", replica("connected", 1_000_000))
      yield* advance("2 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), c)
    }))

  it.effect("comes back when it has caught up", () =>
    Effect.gen(function*() {
      const { b, run } = yield* writing({ stillFrom: 0, maxReplicaLag: 3000 })
      yield* run(10)
      b.on("ROLE", replica("connected", 1_000_000))
      const times = yield* run(2)
      assert.isAtMost(Math.min(...times.b), 11.5)
    }))

  it.effect("is noticed at once after a pause in reading, for what the primary had before it", () =>
    Effect.gen(function*() {
      const { c, run } = yield* writing({ stillFrom: -1, maxReplicaLag: 3000 })
      c.on("ROLE", replica("connected", 0))
      yield* run(1)
      yield* advance("1 minute")
      const { a, b, c: last } = yield* run(4)
      assert.isAtMost(b.length + last.length, 8)
      assert.isAbove(a.length, 20)
    }))

  it.effect("is not taken for one when its primary was restarted and counts from the beginning", () =>
    Effect.gen(function*() {
      const { a, b, c: other, run } = yield* writing({ stillFrom: Infinity, maxReplicaLag: 3000 })
      yield* run(8)
      a.on("ROLE", primary(0))
      for (const node of [b, other]) node.on("ROLE", replica("connected", 0))
      assert.isEmpty((yield* run(8)).a)
    }))

  it.effect("is never passed over where lag may be endless", () =>
    Effect.gen(function*() {
      const { run } = yield* writing({ stillFrom: 0, maxReplicaLag: Infinity })
      const { b } = yield* run(60)
      assert.strictEqual(Math.max(...b), 59.75)
    }))
})

describe("a node of another role than the map says", () => {
  it.effect("has the map learnt anew", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica" })
      yield* nodes.warm()
      nodes.b.on("ROLE", primary())
      nodes.cluster.slots = [[0, 16383, b, a, c]]
      // Those who answer reads know nothing of it.
      yield* reading(nodes.get(), 2000)
      assert.strictEqual((yield* nodes.service.topology.current).shards[0].primary?.address.key, b)
    }))

  it.effect("is read from no more, where it was promoted and replicas are to answer", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "replica", slots: pair })
      yield* nodes.warm()
      // A failover that no command of this client has run into.
      nodes.b.on("ROLE", primary())
      nodes.a.on("ROLE", replica())
      nodes.cluster.slots = [[0, 16383, b, a]]
      yield* reading(nodes.get(), 2000)
      assert.deepStrictEqual(yield* nodes.answers(2), [a, a])
    }))

  it.effect("is passed over before the map is known", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "any" })
      for (const node of nodes.cluster.nodes.values()) node.on("CLUSTER SLOTS", "hold")
      yield* nodes.warm()
      nodes.b.on("ROLE", primary())
      nodes.a.on("ROLE", replica())
      yield* reading(nodes.get(), 1500)
      assert.deepStrictEqual(yield* nodes.answers(3), [c, c, c])
    }))
})

describe("a node that says nothing about its role", () => {
  it.effect("because the user may not ask is read from while it answers", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica" })
      const refusal = Reply.error("NOPERM this user has no permissions to run the 'role' command")
      for (const node of [nodes.a, nodes.b, nodes.c]) node.on("ROLE", refusal)
      yield* nodes.warm()
      assert.sameMembers([...yield* nodes.answers(2)], [b, c])
      nodes.b.accepts = "none"
      nodes.b.drop()
      assert.deepStrictEqual(yield* nodes.answers(2), [c, c])
    }))

  it.effect("because it is busy with a script is passed over until it says more", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica" })
      const busy = Reply.error("BUSY Redis is busy running a script. You can only call SCRIPT KILL.")
      nodes.b.on("ROLE", busy).on("GET", busy)
      yield* nodes.warm()
      assert.deepStrictEqual(yield* nodes.answers(2), [c, c])
      nodes.b.on("ROLE", replica()).on("GET", Reply.bulk(b))
      yield* reading(nodes.get(), 1200)
      assert.sameMembers([...yield* nodes.answers(2)], [b, c])
    }))

  it.effect("because it is not let in is passed over", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "preferReplica" })
      nodes.b.on("ROLE", Reply.error("NOAUTH Authentication required."))
      yield* nodes.warm()
      assert.deepStrictEqual(yield* nodes.answers(2), [c, c])
    }))
})

describe("the nearest", () => {
  it.effect("follows what is measured, as that changes", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "nearest" })
      const settleOn = Effect.fnUntraced(function*(delays: readonly [number, number, number]) {
        ;[nodes.a, nodes.b, nodes.c].forEach((node, i) => {
          node.delay = delays[i]
        })
        yield* reading(nodes.get(), 8000)
        return new Set(yield* reading(nodes.get(), 500))
      })
      assert.deepStrictEqual(yield* settleOn([20, 10, 30]), new Set([b]))
      assert.deepStrictEqual(yield* settleOn([20, 40, 30]), new Set([a]))
      assert.deepStrictEqual(yield* settleOn([20, 40, 5]), new Set([c]))
    }))

  it.effect("is not who was slow only because its connection had to be opened first", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "nearest", slots: pair })
      nodes.a.delay = 12
      nodes.b.delay = 10
      yield* reading(nodes.get(), 1500)
      assert.deepStrictEqual(new Set(yield* reading(nodes.get(), 500)), new Set([b]))
    }))

  it.effect("is not one that answers no more, however near it was", () =>
    Effect.gen(function*() {
      const nodes = yield* shard({ readFrom: "nearest" })
      for (const [node, delay] of [[nodes.a, 1], [nodes.b, 10], [nodes.c, 20]] as const) node.delay = delay
      assert.include(yield* reading(nodes.get(), 3000), a)
      nodes.a.frozen = true
      const lost = yield* startReading(nodes.get(), 3000)
      assert.deepStrictEqual(new Set(yield* reading(nodes.get(), 1000)), new Set([b]))
      yield* advance("12 seconds")
      for (const fiber of lost) assert.strictEqual(yield* Fiber.join(fiber), b)
    }))
})
