/**
 * How a client is, from what it knows already: nothing is sent.
 */
import type { RedisError } from "../../RedisError.ts"
import type { Reason } from "../../RedisError.ts"
import * as Slot from "../../Slot.ts"
import * as SlotMap from "../../SlotMap.ts"
import type { Cluster } from "./cluster.ts"

/**
 * How a client is.
 *
 * - `Starting`: it has not learnt yet who serves what, so everything waits.
 * - `Ready`: it knows of nothing that is wrong with a primary.
 * - `Degraded`: commands on some slots would wait or fail now, since their primaries are away.
 * - `Closed`: it has ended.
 *
 * @category models
 * @since 0.1.0
 */
export type Status = "Starting" | "Ready" | "Degraded" | "Closed"

/**
 * A node that is away: it can't be reached, or says that it can't serve.
 *
 * @category models
 * @since 0.1.0
 */
export interface AwayNode {
  /** The key of its address. */
  readonly node: string
  readonly role: "primary" | "replica"
  readonly reason: Reason
}

/**
 * How a client is, by what it knows.
 *
 * @category models
 * @since 0.1.0
 */
export interface Health {
  readonly status: Status
  /** Why the map could not be learnt, if it could not when that was tried last. */
  readonly problem: RedisError | undefined
  /** The slots that nobody serves: they have no primary, or that is away. Before the first map is known, none are told. */
  readonly unserved: ReadonlyArray<{ readonly start: number; readonly end: number }>
  /** Nodes of the map that are away. */
  readonly away: ReadonlyArray<AwayNode>
}

/** Runs of slots, ascending. */
const rangesOf = (isWanted: (slot: number) => boolean): Health["unserved"] => {
  const ranges: Array<{ readonly start: number; readonly end: number }> = []
  for (let start = 0; start < Slot.count; start++) {
    if (!isWanted(start)) continue
    let end = start
    while (end + 1 < Slot.count && isWanted(end + 1)) end++
    ranges.push({ start, end })
    start = end
  }
  return ranges
}

const awayIn = ({ pool, room, topology }: Cluster): ReadonlyArray<AwayNode> => {
  const { nodes } = topology.currentUnsafe()
  const found = new Map<string, AwayNode>()
  for (const { failure: { node, reason }, of } of room.stats.away) {
    const known = node === of ? nodes.get(node) : undefined
    if (known?.role === "primary") found.set(known.address.key, { node: known.address.key, role: known.role, reason })
  }
  for (const { address: { key }, role } of nodes.values()) {
    const reason = pool.nodes().get(key)?.lostBy() ??
      (role === "replica" ? pool.readers().get(key)?.lostBy() : undefined)
    if (reason !== undefined) found.set(key, { node: key, role, reason })
  }
  return Array.from(found.values())
}

export const healthOf = (cluster: Cluster): Health => {
  const { closed, firstMap, room, topology } = cluster
  const problem = topology.unlearnt()
  if (closed) return { status: "Closed", problem, unserved: [], away: [] }
  if (!firstMap.isKnown) return { status: "Starting", problem, unserved: [], away: [] }
  const map = topology.currentUnsafe()
  const away = awayIn(cluster)
  const lost = new Set(away.map(({ node }) => node))
  const closedSlots = new Set(room.stats.away.map(({ of }) => of))
  const unserved = rangesOf((slot) => {
    const primary = SlotMap.shardOf(map, slot)?.primary
    return primary === undefined || lost.has(primary.address.key) || closedSlots.has(slot)
  })
  return { status: unserved.length === 0 ? "Ready" : "Degraded", problem, unserved, away }
}
