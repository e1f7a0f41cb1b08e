/**
 * The behaviour of a Redis Cluster, as cases that run against anything that provides `Redis` and `RedisCluster`: a client of
 * real servers, of the in-memory cluster, or of your own. Where two of them differ, the real server is right.
 *
 * @since 0.1.0
 */
import { bitmaps } from "./conformance/bitmaps.ts"
import type { Case } from "./conformance/Case.ts"
import { cluster } from "./conformance/cluster.ts"
import { consumerGroups } from "./conformance/consumerGroups.ts"
import { delivery } from "./conformance/delivery.ts"
import { geo } from "./conformance/geo.ts"
import { hashes } from "./conformance/hashes.ts"
import { hyperLogLog } from "./conformance/hyperLogLog.ts"
import { keys } from "./conformance/keys.ts"
import { lists } from "./conformance/lists.ts"
import { pipelines } from "./conformance/pipelines.ts"
import { pubSub } from "./conformance/pubSub.ts"
import { replicas } from "./conformance/replicas.ts"
import { scripting } from "./conformance/scripting.ts"
import { server } from "./conformance/server.ts"
import { sets } from "./conformance/sets.ts"
import { sortedSets } from "./conformance/sortedSets.ts"
import { streams } from "./conformance/streams.ts"
import { strings } from "./conformance/strings.ts"
import { transactions } from "./conformance/transactions.ts"

export type { Case } from "./conformance/Case.ts"

/**
 * All cases, by command group. They need a cluster with empty nodes, can run concurrently, and do not delete their keys.
 *
 * **Example** (As tests)
 *
 * ```ts
 * import { describe, layer } from "@effect/vitest"
 * import { NodeRedisCluster } from "@redisc/node"
 * import { Conformance } from "@redisc/test-utils"
 *
 * layer(NodeRedisCluster.layer({ nodes: ["127.0.0.1:7000"] }), { excludeTestServices: true })("a cluster", (it) => {
 *   for (const [group, cases] of Object.entries(Conformance.groups)) {
 *     describe(group, () => {
 *       for (const { name, run } of cases) it.effect(name, () => run)
 *     })
 *   }
 * })
 * ```
 *
 * @category suites
 * @since 0.1.0
 */
export const groups: Readonly<Record<string, ReadonlyArray<Case>>> = {
  bitmaps,
  cluster,
  consumerGroups,
  delivery,
  geo,
  hashes,
  hyperLogLog,
  keys,
  lists,
  pipelines,
  pubSub,
  replicas,
  scripting,
  server,
  sets,
  sortedSets,
  streams,
  strings,
  transactions
}
