/** A node of a cluster as tests see it, be it a real server or a simulated one. */
import type * as Address from "@redisc/core/Address"

/**
 * A node, for as long as it belongs to the cluster. Neither a restart nor another role makes it another one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Node {
  /** `node-0` and so on. A cluster starts with its primaries, in the order of their slots, and goes on with their replicas. */
  readonly name: string
  readonly id: string
  readonly address: Address.Tcp
}

/**
 * A node as it is now. `role`, `primary` and `slots` are what it says itself, or the others if it can't.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeState extends Node {
  readonly process: "running" | "paused" | "stopped"
  readonly role: "primary" | "replica"
  /** The id of a replica's primary. */
  readonly primary: string | undefined
  /** Ranges, with their first and last slot. */
  readonly slots: ReadonlyArray<readonly [first: number, last: number]>
}

/**
 * Slots, one by one or as ranges with their first and last slot: `[5, [100, 199]]`.
 *
 * @category models
 * @since 0.1.0
 */
export type Slots = ReadonlyArray<number | readonly [first: number, last: number]>
