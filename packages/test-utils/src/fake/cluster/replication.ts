/**
 * Who works on whose data. A replica that is linked uses the very keyspace of its primary, so nothing is ever copied or
 * late; from the moment that it is cut off it has a copy of its own.
 *
 * @since 0.1.0
 */
import type { Keyspace } from "../data/keyspace.ts"
import type { FakeNode, FakeWorld } from "./node.ts"

/** To be called after every change of roles or of the network, before another command is executed. */
export const relink = (world: FakeWorld): void => {
  const writers = new Map<Keyspace, FakeNode>()
  for (const node of world.nodes.values()) {
    if (node.isReplica || node.process === "stopped") continue
    // Two primaries have the same data for a moment, after a failover that the old one has not heard of.
    if (writers.has(node.keys)) node.adopt(node.keys.clone())
    writers.set(node.keys, node)
  }
  for (const node of world.nodes.values()) {
    if (!node.isReplica || node.process === "stopped") continue
    const { primary } = node
    if (primary !== undefined && primary !== node && !primary.isReplica && world.reaches(node, primary)) {
      node.adopt(primary.keys)
      node.shardId = primary.shardId
      world.setOffset(node, world.offsetOf(primary))
    } else if (writers.has(node.keys)) {
      node.adopt(node.keys.clone())
    }
  }
}

/** The replicas that have what this primary has. */
export const linkedReplicas = (world: FakeWorld, primary: FakeNode): ReadonlyArray<FakeNode> =>
  [...world.nodes.values()].filter((node) => node.primaryId === primary.id && node.isLinked)
