/**
 * Replication by shared data. A linked replica uses the data of its primary, so nothing is copied and nothing is late. From the
 * moment when it is cut off, it has a copy of its own.
 *
 * @since 0.1.0
 */
import * as Resp from "@redisc/core/Resp"
import type { Databases } from "../data/databases.ts"
import type { FakeNode, FakeWorld, NodeAddress } from "./node.ts"

/** The node whose data a node has: itself, or the one at the end of the chain of its primaries. */
const headOf = (world: FakeWorld, node: FakeNode): FakeNode => {
  const seen = new Set<FakeNode>()
  for (let head = node;;) {
    const { primary } = head
    if (!head.isReplica || primary === undefined || !world.reaches(head, primary)) return head
    // The nodes of a cluster don't copy replicas, and in a circle nobody has data to give.
    if ((primary.isReplica && primary.isClustered) || seen.has(head)) return node
    seen.add(head)
    head = primary
  }
}

/**
 * Links and unlinks replicas. To be called after every change of roles or of the network, before the next command is executed.
 */
export const relink = (world: FakeWorld): void => {
  const running = [...world.nodes.values()].filter((node) => node.process !== "stopped")
  const heads = new Map(running.map((node) => [node, headOf(world, node)] as const))
  const isHead = (node: FakeNode): boolean => heads.get(node) === node
  const taken = new Set<Databases>()
  // Of those who share data and no longer belong together, a primary keeps them, and the others get copies.
  for (const node of [...running.filter((one) => !one.isReplica), ...running.filter((one) => one.isReplica)]) {
    if (!isHead(node)) continue
    if (taken.has(node.data)) node.adopt(node.data.clone())
    taken.add(node.data)
  }
  for (const [node, head] of heads) {
    if (node === head) continue
    if (node.data !== head.data) {
      node.adopt(head.data)
      // After a resync nothing is known of what clients have read before.
      node.onFlush()
    }
    node.shardId = head.shardId
    world.setOffset(node, world.offsetOf(head))
  }
  world.relinked()
}

/** The replicas that receive the writes of this node. */
export const linkedReplicas = (world: FakeWorld, primary: FakeNode): ReadonlyArray<FakeNode> =>
  [...world.nodes.values()].filter((node) => node.primaryId === primary.id && node.isLinked)

/** What clients that wait at a node are told when it becomes a replica. */
export const roleChanged = Resp.Reply.error(
  "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"
)

/** The first address of a node, which leads to it for ever; the same address if there is no such node. */
const lasting = (world: FakeWorld, { host, port }: NodeAddress): NodeAddress =>
  world.at(host, port)?.first ?? { host, port }

/** Ends the waits of a node's clients, with their connections. */
const letGo = (node: FakeNode): void => {
  for (const session of Array.from(node.sessions)) {
    if (!session.blocked) continue
    session.unblock(roleChanged)
    session.closeAfterReply("the node closed the connection of a client that waited (it became a replica)")
  }
}

/**
 * REPLICAOF without cluster mode: makes nodes replicas of the nodes at the given addresses, or with `undefined` primaries, all at
 * once. Whoever simulates failovers (an operator, FAILOVER, sentinels) changes roles by this or by `promote`.
 */
export const changeRoles = (world: FakeWorld, roles: ReadonlyMap<FakeNode, NodeAddress | undefined>): void => {
  const promoted = [...roles].flatMap(([node, address]) => address === undefined && node.isReplica ? [node] : [])
  for (const [node, address] of roles) {
    node.following = address === undefined ? undefined : lasting(world, address)
    if (address !== undefined) letGo(node)
  }
  for (const node of promoted) {
    // A primary that stays one keeps the data in which its clients wait.
    if (node.copies.some((other) => !other.isReplica)) node.adopt(node.data.clone())
  }
  relink(world)
}

/**
 * Makes a replica the primary of its group: its primary and the other replicas of that follow it, except for those that are paused
 * and can't be told.
 */
export const promote = (world: FakeWorld, heir: FakeNode): void => {
  const former = heir.primary
  const followers = [...world.nodes.values()].filter((node) =>
    node !== heir && node.process !== "paused" && (node === former || (node.isReplica && node.primary === former))
  )
  changeRoles(world, new Map([[heir, undefined], ...followers.map((node) => [node, heir.first] as const)]))
}
