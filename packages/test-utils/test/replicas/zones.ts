/** Reads that prefer nodes of an availability zone, on servers that tell their zones, and on servers that know of none. */
import { assert } from "@effect/vitest"
import { ReadFrom, Redis, RedisCluster } from "@redisc/core"
import * as Effect from "effect/Effect"
import { keysOf, makeWatch, patience, readUntil, store, whileReading } from "./Reads.ts"
import { scenario, shard, Stage } from "./Stage.ts"

const zones = ["eu-west-1a", "eu-west-1b", "eu-west-1c"] as const
const zonal = ["preferReplicaInZone", "preferZone"] as const

/** Puts the nodes of a shard into zones; false if the servers know of none. */
const place = Effect.fnUntraced(function*(
  { primary, replicas }: Effect.Success<ReturnType<typeof shard>>,
  ...zones: ReadonlyArray<string>
) {
  const { setZone } = yield* Stage
  const known = yield* Effect.forEach([primary, ...replicas], (node, index) => setZone(node, zones[index]))
  return known.every(Boolean)
})

export const zoneScenarios = [
  scenario(
    "reads go to the zone where it has nodes, and to others where it has none",
    Effect.gen(function*() {
      const { mapTellsZones, served } = yield* Stage
      const nodes = yield* shard(0)
      const keys = keysOf(nodes.primary, "zone", 12)
      yield* store(keys)
      const share = Effect.fnUntraced(function*(from: ReadFrom.ReadFrom) {
        const all = [nodes.primary, ...nodes.replicas]
        const before = yield* Effect.forEach(all, served)
        yield* ReadFrom.provide(Effect.forEach(keys, (key) => Redis.get(key)), from)
        const after = yield* Effect.forEach(all, served)
        return after.map((count, i) => count - before[i]).join()
      })
      const settles = (from: ReadFrom.ReadFrom, expected: string) =>
        Effect.repeat(share(from), { until: (counts) => counts === expected })
      const [here, there, elsewhere] = zones
      if (!(yield* place(nodes, there, here, elsewhere))) {
        for (const from of zonal) yield* settles(from, "0,6,6")
        return
      }
      const { refresh } = yield* RedisCluster.RedisCluster
      yield* refresh
      for (const from of zonal) yield* settles(from, "0,12,0")
      if (!mapTellsZones) return
      yield* place(nodes, here, there, elsewhere)
      yield* Effect.repeat(refresh, {
        until: ({ nodes: all }) => all.get(nodes.replicas[0].address.key)?.availabilityZone === there
      })
      yield* settles("preferZone", "12,0,0")
      yield* settles("preferReplicaInZone", "0,6,6")
    }),
    { availabilityZone: zones[0] }
  ),

  scenario(
    "a replica of the zone dies and comes back: reads go on elsewhere meanwhile",
    Effect.gen(function*() {
      const { kill, restart, waitUntilStable } = yield* Stage
      const nodes = yield* shard(1)
      const { primary, replicas: [victim, other] } = nodes
      if (!(yield* place(nodes, zones[0], zones[0], zones[1]))) return
      const keys = keysOf(primary, "died", 50)
      yield* store(keys)
      const { reads } = yield* whileReading(
        keys,
        ["preferReplicaInZone"],
        Effect.fnUntraced(function*(reads) {
          yield* readUntil(reads, yield* makeWatch(victim))
          const isOther = yield* makeWatch(other)
          yield* kill(victim)
          yield* readUntil(reads, isOther)
          yield* restart(victim)
          yield* readUntil(reads, yield* makeWatch(victim))
        })
      )
      yield* Effect.log(`${reads.count} reads, the longest took ${reads.longest} ms`)
      assert.isAtMost(reads.longest, patience)
      yield* waitUntilStable
    }),
    { availabilityZone: zones[0] }
  )
]
