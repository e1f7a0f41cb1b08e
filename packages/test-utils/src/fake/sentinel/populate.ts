/**
 * The sentinels of a group of servers without cluster mode.
 *
 * @since 0.1.0
 */
import type { FakeWorld } from "../cluster/node.ts"
import { emptyView } from "../topology/clusterState.ts"
import type { Bin } from "../values/binary.ts"
import type { Group } from "./group.ts"
import { SentinelNode } from "./node.ts"
import { Peer } from "./watch.ts"

/** Adds sentinels that know the servers and each other. `password` is that of their default user, or empty. */
export const populateSentinels = (
  world: FakeWorld,
  group: Group,
  count: number,
  password: Bin
): ReadonlyArray<SentinelNode> => {
  const [primary, ...replicas] = world.nodes.values()
  const sentinels = Array.from({ length: count }, (_, index) =>
    new SentinelNode(
      world,
      {
        name: `sentinel-${index}`,
        id: world.nextNodeId(),
        host: `sentinel-${index}`,
        port: 26379,
        zone: undefined,
        view: emptyView([]),
        config: new Map([["requirepass", password]])
      },
      group,
      primary,
      replicas
    ))
  for (const { watch } of sentinels) {
    const others = sentinels.filter((other) => other.watch !== watch)
    watch.peers = others.map((other) => new Peer(other.watch, world.now()))
  }
  for (const sentinel of sentinels) world.add(sentinel)
  const observe = () => {
    for (const { watch } of sentinels) watch.observe()
    group.changed()
  }
  const { bond, relinked } = world
  const after = (first: () => void) => () => {
    first()
    observe()
  }
  world.bond = { broken: after(bond.broken), mended: after(bond.mended) }
  world.relinked = after(relinked)
  for (const { watch } of sentinels) watch.learn()
  return sentinels
}
