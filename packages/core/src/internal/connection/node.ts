/**
 * One node as the pool returns it, the options of its connections, and its statistics.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "../../Address.ts"
import type * as Command from "../../Command.ts"
import type * as RedisError from "../../RedisError.ts"
import type { Failure } from "../failures/failure.ts"
import type { Call } from "./call.ts"
import type { Connection } from "./connection.ts"
import type { Heir } from "./heldSlots.ts"
import type * as ConnectionOptions from "./options.ts"
import type { Totals } from "./tally.ts"

/**
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Omit<ConnectionOptions.Options, "readOnly"> {
  /** Shared connections to each node; a slot always uses the same one. Default 1. */
  readonly connectionsPerNode?: number | undefined
  /** Dedicated connections to each node, at the most. Default 16. */
  readonly maxDedicated?: number | undefined
  /** How long to wait for a dedicated connection when all are in use. Default: as long as a command may take. */
  readonly leaseTimeout?: Duration.Input | undefined
  /** How long an unused dedicated connection is kept. Default 1 minute. */
  readonly dedicatedTimeToLive?: Duration.Input | undefined
  /**
   * How long to wait for commands under way when the client ends, or when their node has left the cluster. Default 2 seconds.
   */
  readonly drainTimeout?: Duration.Input | undefined
  /**
   * Whether servers are asked to announce maintenance, as Redis Cloud and Redis Software do, and what they announce is followed:
   * connections move before their endpoint does, and answers may take longer meanwhile. Others refuse, and nothing changes. It
   * takes RESP3. Default `"auto"`.
   */
  readonly handoffs?: "auto" | "off" | undefined
}

/**
 * The present state of one node, and totals since the client began. Totals only rise, even if the node leaves and comes back.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeStats extends Totals {
  /** Open shared connections, and the number that there should be (`connections`). */
  readonly open: number
  readonly connections: number
  /** Open dedicated connections, and how many of them are leased. */
  readonly dedicated: number
  readonly leased: number
  /** Commands written and not yet answered. */
  readonly inFlight: number
  /** Commands waiting for a connection, or for room on one. */
  readonly waiting: number
}

/**
 * The sum of the statistics over two sets of connections to one node. Their totals are the same, and not added: see `tally.ts`.
 *
 * @internal
 */
export const addStats = (a: NodeStats, b: NodeStats): NodeStats => ({
  ...b,
  open: a.open + b.open,
  connections: a.connections + b.connections,
  dedicated: a.dedicated + b.dedicated,
  leased: a.leased + b.leased,
  inFlight: a.inFlight + b.inFlight,
  waiting: a.waiting + b.waiting
})

/**
 * One node's connections.
 *
 * @category models
 * @since 0.1.0
 */
export interface Node {
  readonly address: Address
  /** Runs a command on this node. Redirects are not followed, but returned as errors. */
  readonly execute: <A>(command: Command.Command<A>) => Effect.Effect<A, RedisError.RedisError>
  /**
   * The same, with a deadline in milliseconds of the Clock.
   *
   * @internal
   */
  readonly executeBy: <A>(command: Command.Command<A>, deadline: number) => Effect.Effect<A, RedisError.RedisError>
  /**
   * Leases a connection for the life of the scope. Fails with `Timeout` when all are in use for too long. A connection that is
   * given back unchanged is leased again; one whose state was changed is closed.
   */
  readonly dedicated: Effect.Effect<Connection, RedisError.RedisError, Scope.Scope>
  /**
   * The same, but waits only until the deadline, in milliseconds of the Clock.
   *
   * @internal
   */
  readonly dedicatedBy: (deadline: number) => Effect.Effect<Connection, RedisError.RedisError, Scope.Scope>
  /** The statistics of these connections, with the totals over all connections to the address. */
  readonly stats: () => NodeStats
  /**
   * Connects before the first command, so that a loss of the node is noticed.
   *
   * @internal
   */
  readonly connect: () => void
  /**
   * Runs one of the client's own commands, over the shared connections. It neither fails by `failWhenFull`, nor waits for room.
   *
   * @internal
   */
  readonly ask: <A>(command: Command.Command<A>) => Effect.Effect<A, RedisError.RedisError>
  /** @internal */
  readonly submit: (call: Call, slot: number) => void
  /**
   * Other nodes have slots that this one had: what was not written goes there, before anything new.
   *
   * @internal
   */
  readonly handOver: (heirs: ReadonlyMap<number, Heir>) => void
  /**
   * Holds what comes for slots until the node that had them has answered.
   *
   * @internal
   */
  readonly hold: Heir["hold"]
  /** @internal */
  readonly isDown: () => boolean
  /**
   * The failure of the last try to connect, while the node waits before the next one; undefined otherwise.
   *
   * @internal
   */
  readonly absence: (slot: number) => Failure | undefined
  /**
   * Whether the connection that commands on a slot share is open.
   *
   * @internal
   */
  readonly isOpen: (slot: number) => boolean
  /**
   * Whether the last try to connect has failed, even if the next is under way.
   *
   * @internal
   */
  readonly isLost: () => boolean
  /**
   * Why the last try to connect has failed; undefined if it has not.
   *
   * @internal
   */
  readonly lostBy: () => RedisError.Reason | undefined
  /**
   * The availability zone that the node told when it was connected to the last time.
   *
   * @internal
   */
  readonly zone: () => string | undefined
  /**
   * The time up to which everything that the node sent has been read, over all its connections.
   *
   * @internal
   */
  readonly completeUntil: () => number
}
