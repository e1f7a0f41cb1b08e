/**
 * The nodes that a test means.
 *
 * @since 0.1.0
 */
import type { ServerNode } from "../../internal/clusterNode.ts"
import type { FakeNode, FakeWorld } from "../cluster/node.ts"
import { fail, shown } from "../input/checks.ts"

/** A node, or its name. */
export type NodeRef = ServerNode | string

/** Returns the node that a reference means. */
export const find = (world: FakeWorld, ref: NodeRef): FakeNode => {
  const name: unknown = typeof ref === "object" && ref !== null ? ref.name : ref
  const node = typeof name === "string" ? world.nodes.get(name) ?? world.byId.get(name) : undefined
  return node ?? fail(`there is no node ${shown(name)}: the cluster has ${[...world.nodes.keys()].join(", ")}`)
}

/** Returns the node that a reference means, or undefined for all nodes. */
export const anyOr = (world: FakeWorld, ref: NodeRef | "any"): FakeNode | undefined =>
  ref === "any" ? undefined : find(world, ref)

export const running = (world: FakeWorld, ref: NodeRef): FakeNode => {
  const node = find(world, ref)
  return node.process === "running" ? node : fail(`${node.name} is ${node.process}`)
}
