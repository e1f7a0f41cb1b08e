/**
 * A node as its sessions see it. They use it only through these interfaces. How nodes work, and how they relate to each other,
 * is in the layer above.
 *
 * @since 0.1.0
 */
import type * as Resp from "@redisc/core/Resp"
import type { Node, Session } from "../definitions/handler.ts"
import type { Resolved } from "../definitions/registry.ts"
import type { Restrictions } from "../facts/profile.ts"
import type { SlotFacts } from "../topology/redirect.ts"
import type { Bin } from "../values/binary.ts"
import type { User } from "./acl.ts"
import type { Timers } from "./timers.ts"
import type { Tracking } from "./tracking.ts"

/** A session's turn, once per tick: it executes its input and sends its output. */
export interface Turn {
  readonly pump: () => void
  readonly flush: () => void
}

/** The parts that all nodes of a cluster share, as far as sessions use them. */
export interface Surroundings {
  readonly now: () => number
  readonly random: () => number
  readonly timers: Timers
  /** What a service in front of the nodes refuses. */
  readonly restrictions: Restrictions
  /** Gives a session a turn soon, but never inside this call. */
  readonly schedule: (turn: Turn) => void
  /** Runs a task at the end of the present turn, when all commands that have arrived are executed; or of the next one. */
  readonly atEndOfTurn: (task: () => void) => void
  /** Reports a command that exists in Redis, but not on the simulated nodes. */
  readonly noteMissing: (name: string) => void
  /** Reports an unexpected exception, and returns the error to reply. */
  readonly blame: (what: string, problem: unknown) => Resp.Reply
}

/** A node that serves sessions of one kind. */
export interface ServingNode<S extends Session> extends Node {
  readonly world: Surroundings
  /** The address that the node announces. */
  readonly host: string
  readonly port: number
  readonly users: ReadonlyMap<Bin, User>
  readonly sessions: Set<S>
  /** Its clients that cache. */
  readonly tracking: Tracking
  /** The id of its primary, if it is a replica and there is one. */
  readonly primaryId: string | undefined
  /** The address of its primary, if it is a replica. */
  readonly primaryAddress: { readonly host: string; readonly port: number } | undefined
  readonly clusterOk: boolean
  readonly slotFacts: (slot: number) => SlotFacts
  /** Whether a command with this key is certain to be served here. */
  readonly servesPlainly: (key: Bin) => boolean
  /** Whether the network between the node and its clients is cut, or the node is stopped. */
  readonly isStalled: boolean
  /** The round trip to its clients, in milliseconds. */
  readonly latency: number

  /** Executes a command of a session, and sends the reply. */
  readonly receive: (session: S, argv: ReadonlyArray<Bin>) => void
  /** Whether the command has to wait. The session gets another turn when the wait is over. */
  readonly holdsBack: (session: S, argv: ReadonlyArray<Bin>) => boolean
  /** The error to reply instead of executing, or undefined. */
  readonly redirectionOf: (session: S, resolved: Resolved) => string | undefined
  /** Makes a blocked session try again when one of the keys is touched. */
  readonly awaitKeys: (session: S, keys: ReadonlyArray<Bin>) => void
  /** Called when a session has got what it has waited for. */
  readonly served: (session: S, resolved: Resolved) => void
  readonly forgetKeys: (session: S, keys: ReadonlyArray<Bin>) => void
  /** Serves the sessions that wait for keys that the command touched. */
  readonly afterCommand: () => void
}
