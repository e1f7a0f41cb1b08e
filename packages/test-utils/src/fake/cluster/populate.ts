/**
 * The first nodes of a cluster or of a group of servers without cluster mode, and nodes that join them.
 *
 * @since 0.1.0
 */
import * as ClusterState from "../topology/clusterState.ts"
import * as Bus from "./bus.ts"
import { FakeNode } from "./node.ts"
import type { FakeWorld } from "./node.ts"
import { changeRoles, relink } from "./replication.ts"

/** Adds a node, named by its index: `fake-3` for index 3. */
export const addMember = (world: FakeWorld, index: number, view: ClusterState.View): FakeNode => {
  const node = new FakeNode(world, {
    name: `fake-${index}`,
    id: world.nextNodeId(),
    host: `fake-${index}`,
    port: 6379,
    zone: world.settings.zoneOf(index),
    view
  })
  world.add(node)
  return node
}

/** Creates primaries that share all slots, with the given number of replicas each. All nodes know each other. */
export const populate = (world: FakeWorld, primaries: number, replicas: number): void => {
  const nodes = Array.from(
    { length: primaries * (1 + replicas) },
    (_, index) => addMember(world, index, ClusterState.emptyView([]))
  )
  const owners = ClusterState.emptyView([]).owners.slice()
  for (let i = 0; i < primaries; i++) {
    const [first, last] = ClusterState.share(i, primaries)
    owners.fill(nodes[i].id, first, last + 1)
  }
  const members = nodes.map(({ id }, index): ClusterState.Member => ({
    id,
    epoch: index < primaries ? index + 1 : 0,
    primary: index < primaries ? undefined : nodes[(index - primaries) % primaries].id,
    health: "online"
  }))
  const view = ClusterState.update({ ...ClusterState.emptyView([]), owners }, members)
  for (const node of nodes) node.view = view
  relink(world)
  world.bond = { broken: () => Bus.watch(world), mended: () => Bus.reunite(world) }
}

/** Creates servers without cluster mode: a primary, and its replicas. Who replaces it is not their own decision. */
export const populateServers = (world: FakeWorld, replicas: number): void => {
  const nodes = Array.from({ length: 1 + replicas }, (_, index) => addMember(world, index, ClusterState.emptyView([])))
  const relinked = () => relink(world)
  world.bond = { broken: relinked, mended: relinked }
  changeRoles(world, new Map(nodes.slice(1).map((node) => [node, nodes[0]])))
}
