/**
 * One host in front of all nodes, as some services have it: a port that leads to the primary, whichever node that is, and one
 * that leads to a replica.
 *
 * @since 0.1.0
 */
import type { FakeNode, FakeWorld } from "./node.ts"

export const host = "fake-cache"
export const ports = { primary: 6379, replica: 6380 } as const

/** The node that the port of the primary leads to: of those that take themselves for one, the last that became it. */
const primaryOf = (world: FakeWorld): FakeNode | undefined => {
  const epochOf = (node: FakeNode): number => node.view.members.get(node.id)?.epoch ?? 0
  const rank = (node: FakeNode): number => (node.process === "stopped" ? 0 : 1) + epochOf(node) * 2
  let primary: FakeNode | undefined
  for (const node of world.nodes.values()) {
    if (!node.isReplica && (primary === undefined || rank(node) > rank(primary))) primary = node
  }
  return primary
}

/**
 * Lets all nodes announce the front, now and after every change of roles. With `ends`, whoever was led to a node that has another
 * role by then is not connected to it any longer.
 */
export const put = (world: FakeWorld, ends: boolean): void => {
  world.relinked = () => {
    const primary = primaryOf(world)
    for (const node of world.nodes.values()) {
      const port = node === primary ? ports.primary : ports.replica
      if (node.host === host && node.port === port) continue
      node.host = host
      node.port = port
      if (!ends) continue
      for (const session of Array.from(node.sessions)) session.drop("the endpoint leads to another node now")
    }
  }
}
