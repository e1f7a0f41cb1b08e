/**
 * Nodes of a cluster as the controls return them to the test.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Node, NodeState } from "../../internal/clusterNode.ts"
import type { FakeNode, FakeWorld } from "../cluster/node.ts"
import * as ClusterState from "../topology/clusterState.ts"
import { nodeOf } from "./common.ts"
import { witness } from "./slots.ts"

/** The present state of a node, as the majority sees it. */
export const stateOf = (world: FakeWorld, node: FakeNode): NodeState => {
  const { view } = witness(world)
  const primary = view.members.get(node.id)?.primary
  return {
    ...nodeOf(node),
    process: node.process,
    role: primary === undefined ? "primary" : "replica",
    primary,
    slots: ClusterState.ranges(view).filter(({ owner }) => owner === node.id).map(({ first, last }) => [first, last])
  }
}

/** Waits until a replica has replaced a node, and returns the replica. */
export const awaitPromotion = (world: FakeWorld, of: FakeNode): Effect.Effect<Node> =>
  Effect.callback<Node>((resume) => {
    const { owners } = witness(world).view
    const successor = of.ownRanges.length > 0 ? world.byId.get(owners[of.ownRanges[0].first] ?? "") : undefined
    if (successor !== undefined && successor !== of) return resume(Effect.succeed(nodeOf(successor)))
    const told = (id: string, by: FakeNode): void => {
      if (id !== of.id) return
      world.promotions.delete(told)
      resume(Effect.succeed(nodeOf(by)))
    }
    world.promotions.add(told)
    return Effect.sync(() => {
      world.promotions.delete(told)
    })
  })
