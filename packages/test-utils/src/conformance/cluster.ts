/**
 * Cases for the commands with which a cluster describes itself. They hold for a healthy cluster that serves all slots.
 *
 * @since 0.1.0
 */
import * as Redis from "@redisc/core/Redis"
import * as Slot from "@redisc/core/Slot"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { failure, only, test } from "./Case.ts"
import type { Case } from "./Case.ts"

const id = /^[0-9a-f]{40}$/

const slotsIn = (ranges: ReadonlyArray<Redis.ClusterSlotRange>): number =>
  ranges.reduce((sum, { end, start }) => sum + end - start + 1, 0)

/**
 * @category suites
 * @since 0.1.0
 */
export const cluster: ReadonlyArray<Case> = only(["cluster"], "other servers refuse CLUSTER", [
  test(
    "CLUSTER KEYSLOT computes slots as the client does",
    Effect.gen(function*() {
      for (const key of ["foo", "{foo}bar", "{}foo", "a{b}{c}", "", "ü"]) {
        assert.equal(yield* Redis.clusterKeyslot(key), Slot.fromKey(key), key)
      }
      assert.equal(yield* Redis.clusterKeyslot(Uint8Array.from([0, 255])), Slot.fromKey(Uint8Array.from([0, 255])))
    })
  ),
  test(
    "CLUSTER INFO tells that all is well",
    Effect.gen(function*() {
      const info = yield* Redis.clusterInfo()
      assert.equal(info["cluster_state"], "ok")
      assert.equal(info["cluster_slots_assigned"], `${Slot.count}`)
      assert.ok(Number(info["cluster_size"]) >= 1)
    })
  ),
  test(
    "CLUSTER SLOTS lists all slots with their nodes",
    Effect.gen(function*() {
      const entries = yield* Redis.clusterSlots()
      assert.equal(slotsIn(entries), Slot.count)
      for (const { primary, replicas } of entries) {
        for (const node of [primary, ...replicas]) {
          assert.match(node.id, id)
          assert.ok(node.port > 0)
          assert.ok(node.endpoint === null || typeof node.endpoint === "string")
          assert.equal(typeof node.metadata, "object")
        }
      }
    })
  ),
  test(
    "CLUSTER SHARDS lists all slots with their nodes",
    Effect.gen(function*() {
      const shards = yield* Redis.clusterShards()
      assert.equal(slotsIn(shards.flatMap((shard) => shard.slots)), Slot.count)
      for (const { nodes } of shards) {
        assert.equal(nodes.filter((node) => node.role === "primary").length, 1)
        for (const node of nodes) {
          assert.match(node.id, id)
          assert.ok((node.port ?? node.tlsPort ?? 0) > 0)
          assert.notEqual(node.health, "failed")
          assert.ok(node.replicationOffset >= 0)
        }
      }
    })
  ),
  test(
    "CLUSTER NODES lists the nodes, the one that is asked among them",
    Effect.gen(function*() {
      const nodes = yield* Redis.clusterNodes()
      assert.equal(slotsIn(nodes.flatMap((node) => node.slots)), Slot.count)
      assert.equal(nodes.filter((node) => node.flags.includes("myself")).length, 1)
      const primaries = nodes.filter((node) => node.flags.includes("master"))
      for (const node of nodes) {
        assert.match(node.id, id)
        assert.ok(node.connected)
        assert.ok(node.port > 0)
        assert.deepEqual([...node.migrating, ...node.importing], [])
        assert.ok(node.primary === null || primaries.some((primary) => primary.id === node.primary))
      }
      assert.ok(nodes.some((node) => node.id === primaries[0]?.id))
    })
  ),
  test(
    "CLUSTER MYID names a node that the others know",
    Effect.gen(function*() {
      const mine = yield* Redis.clusterMyid()
      assert.ok((yield* Redis.clusterNodes()).some((node) => node.id === mine))
    })
  ),
  test(
    "CLUSTER REPLICAS lists the replicas of a primary",
    Effect.gen(function*() {
      const nodes = yield* Redis.clusterNodes()
      for (const primary of nodes.filter((node) => node.flags.includes("master"))) {
        const replicas = yield* Redis.clusterReplicas(primary.id)
        assert.deepEqual(
          replicas.map((node) => node.id).sort(),
          nodes.filter((node) => node.primary === primary.id).map((node) => node.id).sort()
        )
      }
      assert.equal(yield* failure(Redis.clusterReplicas("0".repeat(40))), "ERR")
    })
  ),
  test(
    "CLUSTER LINKS lists links to other nodes",
    Effect.gen(function*() {
      for (const link of yield* Redis.clusterLinks()) {
        assert.match(link.node, id)
        assert.ok(link.direction === "to" || link.direction === "from")
        assert.ok(link.createTime > 0)
      }
    })
  ),
  test(
    "keys of a slot are counted and listed, by the node that serves it",
    Effect.gen(function*() {
      const key = "{cluster:keysinslot}:a"
      const slot = Slot.fromKey(key)
      yield* Redis.set(key, "1")
      const count = yield* Redis.clusterCountkeysinslot(slot)
      assert.ok(count >= 0)
      const listed = yield* Redis.clusterGetkeysinslot(slot, 10)
      assert.ok(listed.every((found) => Slot.fromKey(found) === slot))
      assert.deepEqual(yield* Redis.clusterGetkeysinslot(slot, 0), [])
      assert.equal(yield* failure(Redis.clusterCountkeysinslot(Slot.count)), "ERR")
      assert.equal(yield* failure(Redis.clusterGetkeysinslot(slot, -1)), "ERR")
      assert.equal(yield* failure(Redis.clusterCountkeysinslot(0.5)), "InvalidArgument")
    })
  )
])
