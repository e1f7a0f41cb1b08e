/**
 * One node as the pool hands it out, what can be set for the connections to it, and what goes on over them.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "../../Address.ts"
import type * as Command from "../../Command.ts"
import type * as RedisError from "../../RedisError.ts"
import type { Call } from "./call.ts"
import type { Connection } from "./connection.ts"
import type * as ConnectionOptions from "./options.ts"

/**
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Omit<ConnectionOptions.Options, "readOnly"> {
  /** Shared connections to each node; a slot always uses the same one. Default 1. */
  readonly connectionsPerNode?: number | undefined
  /** Dedicated connections to each node, at the most. Default 16. */
  readonly maxDedicated?: number | undefined
  /** How long to wait for one when all are in use. Default: as long as a command may take. */
  readonly leaseTimeout?: Duration.Input | undefined
  /** How long an unused dedicated connection is kept. Default 1 minute. */
  readonly dedicatedTimeToLive?: Duration.Input | undefined
  /**
   * How long what is under way is waited for when the client ends, or when a node has left the cluster, for that node's
   * part. Default 2 seconds.
   */
  readonly drainTimeout?: Duration.Input | undefined
}

/**
 * What is going on at one node, and what has gone on since it was first used.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeStats {
  /** Open shared connections, of how many. */
  readonly open: number
  readonly connections: number
  /** Open dedicated connections, and how many of them are leased. */
  readonly dedicated: number
  readonly leased: number
  /** Times that a lost shared connection was opened again. */
  readonly reconnects: number
  /** Commands written and not yet answered. */
  readonly inFlight: number
  /** Commands waiting for a connection, or for room on one. */
  readonly waiting: number
  /** Over all its connections, also those that are closed by now. */
  readonly bytesWritten: number
  readonly bytesRead: number
}

/**
 * The sum of what goes on over two sets of connections to one node.
 *
 * @internal
 */
export const addStats = (a: NodeStats, b: NodeStats): NodeStats => ({
  open: a.open + b.open,
  connections: a.connections + b.connections,
  dedicated: a.dedicated + b.dedicated,
  leased: a.leased + b.leased,
  reconnects: a.reconnects + b.reconnects,
  inFlight: a.inFlight + b.inFlight,
  waiting: a.waiting + b.waiting,
  bytesWritten: a.bytesWritten + b.bytesWritten,
  bytesRead: a.bytesRead + b.bytesRead
})

/**
 * One node's connections.
 *
 * @category models
 * @since 0.1.0
 */
export interface Node {
  readonly address: Address
  /** Runs a command on this node; a redirect is an error here. */
  readonly execute: <A>(command: Command.Command<A>) => Effect.Effect<A, RedisError.RedisError>
  /**
   * Leases a connection for the life of the scope. It fails with `Timeout` when all are in use for too long. What comes
   * back as it was is leased again; one whose state was changed is closed.
   */
  readonly dedicated: Effect.Effect<Connection, RedisError.RedisError, Scope.Scope>
  /**
   * The same, until a time of the Clock in milliseconds.
   *
   * @internal
   */
  readonly dedicatedBy: (deadline: number) => Effect.Effect<Connection, RedisError.RedisError, Scope.Scope>
  readonly stats: () => NodeStats
  /**
   * Connects without a command, so that a loss of the node is noticed.
   *
   * @internal
   */
  readonly connect: () => void
  /** @internal */
  readonly submit: (call: Call, slot: number) => void
  /** @internal */
  readonly isDown: () => boolean
  /**
   * Whether the last try to connect has failed, also while the next is under way.
   *
   * @internal
   */
  readonly isLost: () => boolean
  /**
   * The time up to which all that the node had sent has been read, on one connection or another.
   *
   * @internal
   */
  readonly completeUntil: () => number
}
