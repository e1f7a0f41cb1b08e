/** Work on each node. */
import { assert } from "@effect/vitest"
import { Nodes, Redis, RedisCluster } from "@redisc/core"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { Cluster, scenario, tagOf, withClient } from "./Cluster.ts"

/** Who a node says that it is. */
const self = Effect.gen(function*() {
  const { role } = yield* Redis.role()
  const { tcp_port: port } = yield* Redis.infoFields(["server"])
  return { id: yield* Redis.clusterMyid(), port: Number(port), role }
})

const allOf = <A>(results: ReadonlyArray<Nodes.NodeResult<A>>) => results.map(({ result }) => Result.getOrThrow(result))

const visited = (which: Nodes.Nodes) => Effect.map(Stream.runCollect(Nodes.visit(which, self)), allOf)

const byId = <A extends { readonly id: string }>(nodes: ReadonlyArray<A>): ReadonlyArray<A> =>
  [...nodes].sort((a, b) => a.id < b.id ? -1 : 1)

/** All the keys of a node that match, page by page. */
const scan = (match: string) =>
  Effect.gen(function*() {
    const found: Array<string> = []
    let cursor = "0"
    do {
      const page = yield* Redis.command("SCAN", [cursor, "MATCH", match, "COUNT", 20])
      const [next, keys] = page as readonly [string, ReadonlyArray<string>]
      found.push(...keys)
      cursor = next
    } while (cursor !== "0")
    return found
  })

export const nodes = [
  scenario(
    "a client that was told of one node visits each primary once (redisc 13)",
    Effect.gen(function*() {
      const { primaries } = yield* Cluster
      const all = yield* primaries
      const expected = all.map(({ address, id }) => ({ id, port: address.port, role: "primary" as const }))
      const found = yield* visited("primaries").pipe(withClient({ nodes: [all[0].address] }))
      assert.deepStrictEqual(byId(found), byId(expected))
    })
  ),
  scenario(
    "each replica is visited once (redisc 14)",
    Effect.gen(function*() {
      const { primaries, replicasOf } = yield* Cluster
      const all = (yield* Effect.forEach(yield* primaries, replicasOf)).flat()
      const expected = all.map(({ address, id }) => ({ id, port: address.port, role: "replica" as const }))
      assert.deepStrictEqual(byId(yield* visited("replicas")), byId(expected))
    }).pipe(withClient())
  ),
  scenario(
    "scanning all primaries finds every key, and so does scanning all replicas (redisc 15)",
    Effect.gen(function*() {
      const written = Array.from({ length: 200 }, (_, n) => `nodes:scanned:${n}`).sort()
      yield* Redis.pipeline(written.map((key) => Redis.set(key, "1"))).pipe(
        Redis.ensureReplication({ replicas: 1, within: "30 seconds" })
      )
      for (const which of ["primaries", "replicas"] as const) {
        const found = allOf(yield* Stream.runCollect(Nodes.visit(which, scan("nodes:scanned:*"))))
        assert.deepStrictEqual(found.flat().sort(), written)
        for (const part of found) assert.isAbove(part.length, 0)
      }
      const { nodes } = yield* Effect.flatMap(RedisCluster.RedisCluster, ({ stats }) => stats)
      const pools = Array.from(nodes.values(), ({ dedicated, leased }) => ({ dedicated, leased }))
      assert.deepStrictEqual(pools, pools.map(() => ({ dedicated: 1, leased: 0 })))
      assert.strictEqual(pools.length, 6)
    }).pipe(withClient())
  )
]

/** The same, where there are none. */
export const withoutNodes = [
  scenario(
    "a visit to replicas fails where there are none, and nothing is run (redisc 12)",
    Effect.gen(function*() {
      let runs = 0
      const visit = Nodes.collect("replicas", Effect.sync(() => ++runs))
      assert.strictEqual(yield* tagOf(visit), "NoNodeForSlot")
      assert.strictEqual(runs, 0)
    }).pipe(withClient())
  )
]
