/**
 * The behaviour of Redis, as cases that run against anything that provides the services of a client: of real servers, of those
 * in memory, or of your own; of a cluster, of servers without cluster mode, or of a Sentinel group. Where two of them differ, the
 * real server is right.
 *
 * @since 0.1.0
 */
import { bitmaps } from "./conformance/bitmaps.ts"
import type { Case, Mode } from "./conformance/Case.ts"
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
import { slots } from "./conformance/slots.ts"
import { sortedSets } from "./conformance/sortedSets.ts"
import { streams } from "./conformance/streams.ts"
import { strings } from "./conformance/strings.ts"
import { transactions } from "./conformance/transactions.ts"

export type { Case, Mode, Only } from "./conformance/Case.ts"

/**
 * All cases, by command group. They need empty servers, can run concurrently, and do not delete their keys. Some are only for
 * some modes: {@link forMode} has those that a mode can have.
 *
 * **Example** (As tests)
 *
 * ```ts
 * import { describe, layer } from "@effect/vitest"
 * import { NodeRedisCluster } from "@redisc/node"
 * import { Conformance } from "@redisc/test-utils"
 *
 * layer(NodeRedisCluster.layer({ nodes: ["127.0.0.1:7000"] }), { excludeTestServices: true })("a cluster", (it) => {
 *   for (const [group, cases] of Object.entries(Conformance.forMode("cluster").groups)) {
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
  slots,
  sortedSets,
  streams,
  strings,
  transactions
}

/**
 * A case that a mode can't have, and why.
 *
 * @category models
 * @since 0.1.0
 */
export interface Exclusion {
  readonly group: string
  readonly name: string
  readonly because: string
}

const has = ({ only }: Case, mode: Mode): boolean => only === undefined || only.modes.includes(mode)

/**
 * The cases that a mode can have, by command group, and those that it can't.
 *
 * **Example** (What Sentinel groups can't have)
 *
 * ```ts
 * import { Conformance } from "@redisc/test-utils"
 *
 * const names = Conformance.forMode("sentinel").excluded.map(({ because, name }) => `${name}: ${because}`)
 * ```
 *
 * @category suites
 * @since 0.1.0
 */
export const forMode = (mode: Mode): {
  readonly groups: Readonly<Record<string, ReadonlyArray<Case>>>
  readonly excluded: ReadonlyArray<Exclusion>
} => ({
  groups: Object.fromEntries(
    Object.entries(groups).flatMap(([group, cases]) => {
      const possible = cases.filter((one) => has(one, mode))
      return possible.length === 0 ? [] : [[group, possible]]
    })
  ),
  excluded: Object.entries(groups).flatMap(([group, cases]) =>
    cases.flatMap(({ name, only }) =>
      only === undefined || only.modes.includes(mode) ? [] : [{ group, name, because: only.because }]
    )
  )
})
