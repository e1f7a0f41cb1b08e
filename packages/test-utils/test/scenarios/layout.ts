/** How a client learns who serves what, and what it makes of a redirect. */
import { assert } from "@effect/vitest"
import { RedirectPolicy, Redis, RedisCluster, Slot, SlotMap } from "@redisc/core"
import type { Address } from "@redisc/core"
import type { RealCluster } from "@redisc/test-utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import {
  changes,
  Cluster,
  homeOf,
  moveAway,
  neighbourOf,
  reasonOf,
  scenario,
  takeUntil,
  withClient
} from "./Cluster.ts"

const currentMap = Effect.flatMap(RedisCluster.RedisCluster, ({ topology }) => topology.current)

const primaryOf = (map: SlotMap.SlotMap, slot: number): string | undefined =>
  SlotMap.shardOf(map, slot)?.primary?.address.key

/** Who serves each slot, by what the nodes themselves say. */
const ownersBySlot = (primaries: ReadonlyArray<RealCluster.NodeState>): ReadonlyArray<string | undefined> => {
  const owners = Array.from({ length: Slot.count }, (): string | undefined => undefined)
  for (const { address, slots } of primaries) {
    for (const [first, last] of slots) owners.fill(address.key, first, last + 1)
  }
  return owners
}

const learnsAllFrom = (nodes: ReadonlyArray<Address.Address>) =>
  Effect.gen(function*() {
    const { primaries } = yield* Cluster
    const map = yield* currentMap
    const slots = Array.from({ length: Slot.count }, (_, slot) => primaryOf(map, slot))
    assert.deepStrictEqual(slots, ownersBySlot(yield* primaries))
    assert.strictEqual(map.assigned, Slot.count)
  }).pipe(withClient({ nodes }))

export const layout = [
  scenario(
    "a server that is part of no cluster is refused in its own words (redisc 1)",
    Effect.gen(function*() {
      const { standalone } = yield* Cluster
      const error = yield* Effect.flip(Layer.build(standalone))
      assert.include(error.message, "no node told the cluster's layout")
      assert.include(error.message, "cluster support disabled")
      assert.include(error.message, "use NodeRedis.layer (without Node: Topology.detect), or set cluster-enabled yes")
    })
  ),
  scenario(
    "one node that is known tells who serves each of the slots (redisc 2)",
    Effect.gen(function*() {
      const { primaries } = yield* Cluster
      for (const { address } of yield* primaries) yield* learnsAllFrom([address])
    })
  ),
  scenario(
    "a replica tells it as well (redisc 17)",
    Effect.gen(function*() {
      const { primaries, replicasOf } = yield* Cluster
      const [primary] = yield* primaries
      const [replica] = yield* replicasOf(primary)
      yield* learnsAllFrom([replica.address])
    })
  ),
  scenario(
    "each slot has a primary and its replica in the map (redisc 29)",
    Effect.gen(function*() {
      const { primaries, replicasOf } = yield* Cluster
      const replicas = new Map<string, ReadonlyArray<string>>()
      for (const primary of yield* primaries) {
        const [replica, ...others] = yield* replicasOf(primary)
        assert.deepStrictEqual(others, [])
        replicas.set(primary.address.key, [replica.address.key])
      }
      const map = yield* currentMap
      const known = Array.from(
        { length: Slot.count },
        (_, slot) => SlotMap.shardOf(map, slot)?.replicas.map(({ address }) => address.key)
      )
      const expected = ownersBySlot(yield* primaries).map((owner) => replicas.get(owner ?? "nobody"))
      assert.deepStrictEqual(known, expected)
    }).pipe(withClient())
  ),
  scenario(
    "a MOVED that is the caller's to see has the layout learnt anew all the same (redisc 3)",
    Effect.gen(function*() {
      const key = "{layout:seen}:a"
      const swaps = yield* changes
      const { neighbour, other, slot } = yield* moveAway(key)
      const get = Redis.get(key).pipe(RedirectPolicy.provide(RedirectPolicy.none))
      const reason = yield* reasonOf(get)
      assert.deepInclude(reason, { _tag: "Moved", slot, address: other.address.key })
      const { after } = yield* takeUntil(swaps, ({ after }) => primaryOf(after, neighbour) === other.address.key)
      assert.strictEqual(primaryOf(after, slot), other.address.key)
      assert.isNull(yield* get)
    }).pipe(withClient())
  ),
  scenario(
    "a MOVED that is followed moves its own slot at once, and one refresh the others (redisc 11, 22)",
    Effect.gen(function*() {
      const key = "{layout:followed}:a"
      const { stats } = yield* RedisCluster.RedisCluster
      const swaps = yield* changes
      const { neighbour, other, owner, slot } = yield* moveAway(key)
      assert.strictEqual(yield* Redis.set(key, "1"), "OK")

      const first = yield* Queue.take(swaps)
      const moved = first.moved.map(({ end, from, start, to }) => [start, end, from?.key, to?.key])
      assert.deepStrictEqual(moved, [[slot, slot, owner.address.key, other.address.key]])
      assert.strictEqual(primaryOf(first.before, slot), owner.address.key)
      assert.deepStrictEqual([first.added, first.removed, first.roleChanged], [[], [], []])

      const second = yield* Queue.take(swaps)
      assert.strictEqual(second.before, first.after)
      assert.deepStrictEqual(second.moved.map(({ end, start }) => [start, end]), [[neighbour, neighbour]])
      const { redirects, refreshes, retries } = yield* stats
      assert.deepStrictEqual({ redirects, refreshes, retries }, { redirects: 1, refreshes: 2, retries: 0 })
    }).pipe(withClient())
  ),
  scenario(
    "a refresh tells one change, and none when there is nothing new (redisc 21)",
    Effect.gen(function*() {
      const { migrateSlots } = yield* Cluster
      const { refresh } = yield* RedisCluster.RedisCluster
      const home = yield* homeOf("{layout:told}:a")
      const swaps = yield* changes
      for (const slot of [home.slot, neighbourOf(home)]) {
        const before = yield* refresh
        yield* migrateSlots({ to: home.other, slots: [slot] })
        const after = yield* refresh
        const change = yield* Queue.take(swaps)
        assert.deepStrictEqual([change.before, change.after], [before, after])
        assert.deepStrictEqual(change.moved.map(({ end, start }) => [start, end]), [[slot, slot]])
        assert.strictEqual(primaryOf(change.after, slot), home.other.address.key)
      }
    }).pipe(withClient())
  )
]
