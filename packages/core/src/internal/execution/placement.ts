/**
 * Chooses the node for a command, or for other work on a slot, by the current map.
 */
import * as Context from "effect/Context"
import type * as Address from "../../Address.ts"
import type * as Command from "../../Command.ts"
import type * as NodePool from "../../NodePool.ts"
import * as ReadFrom from "../../ReadFrom.ts"
import * as RedisError from "../../RedisError.ts"
import * as Slot from "../../Slot.ts"
import * as SlotMap from "../../SlotMap.ts"
import * as Region from "../caching/region.ts"
import { anySlot } from "../commands/keySlot.ts"
import type { Cluster } from "./cluster.ts"
import type { AnyFiber } from "./router.ts"

export class Placement {
  private readonly cluster: Cluster
  /** Rises with every command without a slot, so that nodes take turns. */
  private turn = 0

  constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  /**
   * The `readFrom` of a command. Only a read of a key that is complete in itself (not a page of a scan) may go to a replica, and only if
   * its reply is not to be kept: a replica may not have this client's last write yet.
   */
  readFromOf(command: Command.Any, slot: number, fiber: AnyFiber): ReadFrom.ReadFrom {
    const { maxAge, spec } = command
    if (!spec.readOnly || spec.sticky || slot < 0) return "primary"
    if (maxAge !== undefined && this.mayRecall(fiber)) return "primary"
    return Context.getOrUndefined(fiber.context, ReadFrom.Current) ?? this.cluster.readFrom
  }

  /** Whether replies may come from the cache in the region of a fiber. */
  mayRecall(fiber: AnyFiber): boolean {
    if (this.cluster.cache === undefined) return false
    const mode = Context.getOrUndefined(fiber.context, Region.Current)
    return mode === undefined || mode === "on"
  }

  /** The node for a command; undefined if there is none. */
  nodeFor({ args, spec }: Command.Any, slot: number, readFrom: ReadFrom.ReadFrom): NodePool.Node | undefined {
    if (spec.affinity < 0) return this.nodeOf(slot, readFrom)
    const preferred = this.nodeOf(Slot.fromKey(args[spec.affinity] ?? ""), readFrom)
    return preferred === undefined || preferred.isDown() ? this.nodeOf(slot, readFrom) : preferred
  }

  /** The node for work on a slot, or on no slot; undefined if there is none. */
  nodeOf(slot: number, readFrom: ReadFrom.ReadFrom): NodePool.Node | undefined {
    const { closed, pool, replicas } = this.cluster
    if (closed) return undefined
    if (this.problemOf(readFrom) !== undefined) return undefined
    if (slot < 0) return readFrom === "primary" ? this.anyPrimary() : this.anyReader(readFrom)
    const shard = this.shardOf(slot)
    if (shard !== undefined && readFrom !== "primary") return replicas.choose(shard, readFrom)
    return shard?.primary === undefined ? undefined : pool.node(shard.primary.address)
  }

  /** What is wrong with the `readFrom` of a region or a session. */
  problemOf(readFrom: ReadFrom.ReadFrom): string | undefined {
    return readFrom === "primary" ? undefined : ReadFrom.problemOf(readFrom, this.cluster.availabilityZone)
  }

  /** The reason why there is no node. */
  noNode(slot: number, readFrom: ReadFrom.ReadFrom): RedisError.Reason {
    if (this.cluster.closed) return new RedisError.Closed()
    const problem = this.problemOf(readFrom)
    if (problem !== undefined) return new RedisError.InvalidArgument({ problem })
    const role = readFrom === "replica" && (slot < 0 || this.shardOf(slot) !== undefined) ? "replica" : undefined
    return new RedisError.NoNodeForSlot({ slot: slot === anySlot ? undefined : slot, role })
  }

  shardOf(slot: number): SlotMap.Shard | undefined {
    return SlotMap.shardOf(this.cluster.topology.currentUnsafe(), slot)
  }

  /** A name for the shard that serves a slot, by the map. */
  nameOf(slot: number): string | undefined {
    const shard = this.shardOf(slot)
    return shard?.primary?.address.key ?? shard?.replicas[0]?.address.key
  }

  /** A reader of the next shard in turn. Shards without a node that may answer are skipped. */
  private anyReader(readFrom: Exclude<ReadFrom.ReadFrom, "primary">): NodePool.Node | undefined {
    const { replicas, topology } = this.cluster
    const { shards } = topology.currentUnsafe()
    const turn = this.turn++
    for (let i = 0; i < shards.length; i++) {
      const node = replicas.choose(shards[(turn + i) % shards.length], readFrom)
      if (node !== undefined) return node
    }
    return undefined
  }

  /** The next primary in turn. Primaries that can't be reached now are skipped, unless none can. */
  private anyPrimary(): NodePool.Node | undefined {
    const { pool, topology } = this.cluster
    const { shards } = topology.currentUnsafe()
    const turn = this.turn++
    let first: Address.Address | undefined
    for (let i = 0; i < shards.length; i++) {
      const address = shards[(turn + i) % shards.length].primary?.address
      if (address === undefined) continue
      if (pool.nodes().get(address.key)?.isDown() !== true) return pool.node(address)
      first ??= address
    }
    return first === undefined ? undefined : pool.node(first)
  }
}
