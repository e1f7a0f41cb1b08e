/** A node as tests see it, whether the server is real or simulated. */
import type * as Address from "@redisc/core/Address"

/**
 * Identifies a node for as long as it belongs to its cluster or group, across restarts and changes of role.
 *
 * @category models
 * @since 0.1.0
 */
export interface Node {
  /** `node-0` and so on. The first ones are the initial primaries, in the order of their slots, followed by their replicas. */
  readonly name: string
  readonly id: string
  readonly address: Address.Tcp
}

/**
 * Identifies a server without cluster mode, or a sentinel, across restarts and changes of role.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerNode {
  /** The name that the launcher has given it. The initial primary is the first. */
  readonly name: string
  readonly address: Address.Tcp
}

/**
 * The current state of a server without cluster mode. The role is as the server itself reports it, and `undefined` while it can't
 * be asked.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerState extends ServerNode {
  readonly process: "running" | "paused" | "stopped"
  readonly role: "primary" | "replica" | undefined
  /** The key of the address that a replica copies. */
  readonly primary: string | undefined
  /** Whether a replica is connected to what it copies, and has caught up. */
  readonly isLinked: boolean
}

/**
 * The current state of a node. `role`, `primary` and `slots` are as the node itself reports them, or, if it is not running, as
 * the others do.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeState extends Node {
  readonly process: "running" | "paused" | "stopped"
  readonly role: "primary" | "replica"
  /** The id of a replica's primary. */
  readonly primary: string | undefined
  /** Ranges, each with its first and last slot. */
  readonly slots: ReadonlyArray<readonly [first: number, last: number]>
}

/**
 * Slots, as single numbers or as ranges with their first and last slot: `[5, [100, 199]]`.
 *
 * @category models
 * @since 0.1.0
 */
export type Slots = ReadonlyArray<number | readonly [first: number, last: number]>
