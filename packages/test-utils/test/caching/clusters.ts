/** What cached reads promise while slots of a cluster move and its primaries are replaced. */
import { assert } from "@effect/vitest"
import { Redis, RedisCluster, SlotMap } from "@redisc/core"
import type { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { Cluster, homeOf, moveAway } from "../scenarios/Cluster.ts"
import { hearing, others, read, Servers, settled, travelling, withClient } from "./Servers.ts"
import type { Client } from "./Servers.ts"

/** The same cluster for scenarios of servers of any kind. */
export const serversOf = (cluster: Layer.Layer<Cluster, unknown>) =>
  Layer.provideMerge(Layer.effect(Servers, Effect.map(Cluster, ({ client }) => ({ client }))), cluster)

const inCluster = <E>(name: string, run: Effect.Effect<void, E, Client | Cluster | Servers | Scope.Scope>) => ({
  name,
  run: withClient()(run)
})

/** A key whose value is kept, and where it is. */
const kept = Effect.fnUntraced(function*(key: string) {
  const byOthers = yield* others
  const { about } = yield* hearing
  const home = yield* homeOf(key)
  yield* byOthers(Redis.set(key, "old"))
  assert.strictEqual(yield* read(key), "old")
  assert.strictEqual(yield* travelling(read(key)), 0)
  return { about, byOthers, home }
})

/** Learns the map until a node has a slot. */
const learnt = (slot: number, node: RealCluster.Node) =>
  Effect.flatMap(
    RedisCluster.RedisCluster,
    ({ refresh, topology }) =>
      Effect.repeat(Effect.andThen(Effect.ignore(refresh), topology.current), {
        until: (map) => SlotMap.shardOf(map, slot)?.primary?.address.key === node.address.key,
        schedule: Schedule.spaced("20 millis")
      })
  )

/** Whether servers tell of keys that they lose because another node claims their slot. */
const tellsOfClaims = Effect.fnUntraced(function*(node: RealCluster.Node) {
  const { command } = yield* Cluster
  const info = String(yield* command(node, "INFO", ["server"]))
  const [, major, minor] = /redis_version:(\d+)\.(\d+)/.exec(info) ??
    assert.fail("the server does not tell its version")
  return Number(major) > 7 || (Number(major) === 7 && Number(minor) >= 2)
})

export const clusters = [
  inCluster(
    "a key whose slot moves is read where it is, before the slot has moved and after",
    Effect.gen(function*() {
      const key = "caching:moves"
      const { about, byOthers, home } = yield* kept(key)
      yield* moveAway(key)
      yield* about(key)
      assert.strictEqual(yield* read(key), "old")
      yield* byOthers(Redis.set(key, "new"))
      yield* learnt(home.slot, home.other)
      assert.strictEqual(yield* read(key), "new")
      yield* settled(key)
      yield* byOthers(Redis.set(key, "newer"))
      // What the old owner says of it may come before.
      yield* Effect.repeat(read(key), { until: (value) => value === "newer" })
    })
  ),
  inCluster(
    "what was kept of a slot is not found again when the slot comes back",
    Effect.gen(function*() {
      const { migrateSlots } = yield* Cluster
      const key = "caching:comes back"
      const { byOthers, home } = yield* kept(key)
      yield* migrateSlots({ from: home.owner, to: home.other, slots: [home.slot, home.slot] })
      yield* learnt(home.slot, home.other)
      yield* byOthers(Redis.set(key, "new"))
      yield* migrateSlots({ from: home.other, to: home.owner, slots: [home.slot, home.slot] })
      yield* learnt(home.slot, home.owner)
      assert.strictEqual(yield* read(key), "new")
      yield* settled(key)
    })
  ),
  inCluster(
    "a slot that another node claims falls with the map, where no server says a word, and else at once",
    Effect.gen(function*() {
      const { command } = yield* Cluster
      const key = "caching:claimed"
      const { about, byOthers, home } = yield* kept(key)
      const { other, owner, slot } = home
      const speaks = yield* tellsOfClaims(owner)
      yield* command(other, "CLUSTER", ["BUMPEPOCH"])
      yield* command(other, "CLUSTER", ["SETSLOT", slot, "NODE", other.id])
      if (speaks) yield* about(key)
      yield* byOthers(Effect.andThen(learnt(slot, other), Redis.set(key, "new")))
      yield* learnt(slot, other)
      assert.strictEqual(yield* read(key), "new")
      yield* settled(key)
    })
  ),
  inCluster(
    "after a planned failover reads go to the new primary, though the old one still talks",
    Effect.gen(function*() {
      const { failover, replicasOf, waitUntilStable } = yield* Cluster
      const key = "caching:failover"
      const { byOthers, home } = yield* kept(key)
      const [replica] = yield* replicasOf(home.owner)
      yield* failover(replica)
      yield* waitUntilStable
      yield* byOthers(Redis.set(key, "new"))
      yield* learnt(home.slot, replica)
      assert.strictEqual(yield* read(key), "new")
      yield* settled(key)
      yield* byOthers(Redis.set(key, "newer"))
      // What the old owner says of it may come before.
      yield* Effect.repeat(read(key), { until: (value) => value === "newer" })
    })
  ),
  inCluster(
    "what was kept of a primary that dies is not read again",
    Effect.gen(function*() {
      const { awaitPromotion, kill, restart, waitUntilStable } = yield* Cluster
      const key = "caching:dies"
      const { about, byOthers, home } = yield* kept(key)
      yield* byOthers(Redis.ensureReplication(Redis.set(key, "older"), { replicas: 1, within: "10 seconds" }))
      yield* read(key)
      yield* kill(home.owner)
      yield* about(key, "Forgotten")
      const promoted = yield* awaitPromotion(home.owner)
      yield* byOthers(Effect.andThen(learnt(home.slot, promoted), Redis.set(key, "new")))
      yield* learnt(home.slot, promoted)
      assert.strictEqual(yield* read(key), "new")
      yield* restart(home.owner)
      yield* waitUntilStable
      yield* settled(key)
    })
  )
]
