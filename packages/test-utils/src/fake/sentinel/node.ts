/**
 * A simulated sentinel: a node that has no data, and watches others.
 *
 * @since 0.1.0
 */
import { FakeNode } from "../cluster/node.ts"
import type { FakeWorld, NodeOptions } from "../cluster/node.ts"
import type { Group } from "./group.ts"
import { Watch } from "./watch.ts"

export class SentinelNode extends FakeNode {
  readonly watch: Watch

  constructor(
    world: FakeWorld,
    options: NodeOptions,
    group: Group,
    primary: FakeNode,
    replicas: ReadonlyArray<FakeNode>
  ) {
    super(world, options)
    this.watch = new Watch(this, group, primary, replicas)
  }

  override get isSentinel(): boolean {
    return true
  }

  override start(): void {
    super.start()
    this.watch.begin()
  }
}
