/**
 * Replication by shared data. A linked replica uses the keyspace of its primary, so nothing is copied and nothing is late. From
 * the moment when it is cut off, it has a copy of its own.
 *
 * @since 0.1.0
 */
import type { Keyspace } from "../data/keyspace.ts"
import type { FakeNode, FakeWorld } from "./node.ts"

/**
 * Links and unlinks replicas. To be called after every change of roles or of the network, before the next command is executed.
 */
export const relink = (world: FakeWorld): void => {
  const writers = new Map<Keyspace, FakeNode>()
  for (const node of world.nodes.values()) {
    if (node.isReplica || node.process === "stopped") continue
    // After a failover that the old primary has not heard of, two primaries share data for a moment. One of them gets a copy.
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
  world.relinked()
}

/** The replicas that share this primary's data. */
export const linkedReplicas = (world: FakeWorld, primary: FakeNode): ReadonlyArray<FakeNode> =>
  [...world.nodes.values()].filter((node) => node.primaryId === primary.id && node.isLinked)
