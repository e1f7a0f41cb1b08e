/** The topology as a service: a program reads it from the layer of a client, or provides one of its own. */
import { assert, describe, it } from "@effect/vitest"
import { NodePool, Redis, RedisCluster, Slot, SlotMap, Topology } from "@redisc/core"
import { FakeCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"

const keys = ["a", "b", "c", "d", "e"] as const
const values = keys.map((key) => `value of ${key}`)

describe("the topology that a layer of a client provides", () => {
  it.effect("tells the map, and its changes", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const { changes, current } = yield* Topology.Topology
      assert.strictEqual((yield* current).assigned, Slot.count)
      const change = yield* Effect.forkChild(Stream.runHead(changes), { startImmediately: true })
      yield* Redis.set("a", "1")
      const slot = Slot.fromKey("a")
      yield* fake.migrateSlot(slot, "fake-0")
      assert.strictEqual(yield* Redis.get("a"), "1")
      const { moved } = yield* Effect.fromOption(yield* Fiber.join(change))
      assert.deepStrictEqual(moved.map(({ end, start, to }) => [start, end, to?.key]), [[slot, slot, "fake-0:6379"]])
      assert.strictEqual(SlotMap.shardOf(yield* current, slot)?.primary?.address.key, "fake-0:6379")
    }).pipe(Effect.provide(FakeCluster.layer())))

  it.effect("is the one that the client uses", () =>
    Effect.gen(function*() {
      const { topology } = yield* RedisCluster.RedisCluster
      assert.strictEqual(topology, yield* Topology.Topology)
      const { nodes } = yield* NodePool.NodePool
      yield* Redis.pipeline(keys.map((key) => Redis.get(key)))
      assert.deepStrictEqual([...nodes().keys()].toSorted(), ["fake-0:6379", "fake-1:6379", "fake-2:6379"])
    }).pipe(Effect.provide(FakeCluster.layer())))
})

/** The map of the cluster as it is now, by the word of its controls. */
const mapOf = Effect.gen(function*() {
  const fake = yield* FakeCluster.FakeCluster
  const shards = yield* Effect.forEach(
    yield* fake.primaries,
    (primary) =>
      Effect.map(fake.replicasOf(primary), (replicas) => ({
        primary: primary.address,
        replicas: replicas.map(({ address }) => address),
        slots: primary.slots.map(([start, end]) => [start, end] as const)
      }))
  )
  return Result.getOrThrow(SlotMap.make(shards))
})

/** A client whose map is given and stays. */
const client = RedisCluster.layerClient({ readFrom: "preferReplica" }).pipe(
  Layer.provideMerge(Layer.unwrap(Effect.map(mapOf, (map) => Topology.layerFromSource(Topology.fixed(map))))),
  Layer.provideMerge(NodePool.layer()),
  Layer.provideMerge(FakeCluster.layerConnector({ primaries: 3, replicas: 1 }))
)

describe("a topology that a program provides: a fixed map", () => {
  it.effect("serves commands, and nobody is asked for the layout", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      yield* Redis.pipeline(keys.map((key, index) => Redis.set(key, values[index])))
      assert.deepStrictEqual(yield* Redis.pipeline(keys.map((key) => Redis.get(key))), values)
      const used = yield* Effect.forEach(keys, (key) => fake.ownerOf(Slot.fromKey(key)))
      assert.isAbove(new Set(used.map(({ name }) => name)).size, 1)
      for (const { name } of yield* fake.nodes) {
        const journal = yield* fake.journal(name)
        assert.isEmpty(journal.filter(({ command }) => command[0].toUpperCase() === "CLUSTER"))
      }
      assert.deepStrictEqual(yield* Redis.mget(keys), values)
      const crossing = yield* Effect.flip(Redis.sinter(keys))
      assert.strictEqual(crossing.reason._tag, "CrossSlot")
    }).pipe(Effect.provide(client)))

  it.effect("follows a redirect, and stays as it is", () =>
    Effect.gen(function*() {
      const fake = yield* FakeCluster.FakeCluster
      const { current } = yield* Topology.Topology
      const before = yield* current
      yield* Redis.set("a", "1")
      yield* fake.migrateSlot(Slot.fromKey("a"), "fake-0")
      yield* Redis.set("a", "2")
      assert.strictEqual(yield* Redis.get("a"), "2")
      assert.strictEqual(yield* current, before)
      const { redirects } = yield* (yield* RedisCluster.RedisCluster).stats
      assert.isAtLeast(redirects, 2)
    }).pipe(Effect.provide(client)))
})
