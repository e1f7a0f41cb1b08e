/**
 * A node as its sessions see it. They hold it by these interfaces only: what a node is, and what nodes are to each other,
 * stands above them.
 *
 * @since 0.1.0
 */
import type * as Resp from "@redisc/core/Resp"
import type { Node, Session } from "../definitions/handler.ts"
import type { Resolved } from "../definitions/registry.ts"
import type { SlotFacts } from "../topology/redirect.ts"
import type { Bin } from "../values/binary.ts"
import type { User } from "./acl.ts"
import type { Timers } from "./timers.ts"

/** What has input to work off and output to send on, once a tick. */
export interface Turn {
  readonly pump: () => void
  readonly flush: () => void
}

/** What all nodes of a cluster share, as far as sessions use it. */
export interface Surroundings {
  readonly now: () => number
  readonly random: () => number
  readonly timers: Timers
  /** Gives a session a turn soon, and never inside the call that asks for it. */
  readonly schedule: (turn: Turn) => void
  /** Tells of a command that Redis has and the simulated nodes don't. */
  readonly noteMissing: (name: string) => void
  /** Tells of something that threw and must not, and answers the error to reply. */
  readonly blame: (what: string, problem: unknown) => Resp.Reply
}

/** A node that serves sessions of one kind. */
export interface ServingNode<S extends Session> extends Node {
  readonly world: Surroundings
  /** What it announces. */
  readonly host: string
  readonly port: number
  readonly users: ReadonlyMap<Bin, User>
  readonly sessions: Set<S>
  /** The id of its primary, if it is a replica. */
  readonly primaryId: string | undefined
  readonly clusterOk: boolean
  readonly slotFacts: (slot: number) => SlotFacts
  /** Whether a command with this key is certain to be served here. */
  readonly servesPlainly: (key: Bin) => boolean
  /** Whether nothing passes between it and its clients. */
  readonly isStalled: boolean
  /** The round trip to its clients, in milliseconds. */
  readonly latency: number

  /** Takes a command of a session, and has it answered. */
  readonly receive: (session: S, argv: ReadonlyArray<Bin>) => void
  /** Whether the command has to wait. The session is given another turn when it need not any more. */
  readonly holdsBack: (session: S, argv: ReadonlyArray<Bin>) => boolean
  /** What to answer instead of executing, or undefined. */
  readonly redirectionOf: (session: S, resolved: Resolved) => string | undefined
  /** Lets a blocked session be asked again when one of the keys was touched. */
  readonly awaitKeys: (session: S, keys: ReadonlyArray<Bin>) => void
  readonly forgetKeys: (session: S, keys: ReadonlyArray<Bin>) => void
  /** Serves those who wait for keys that the command touched. */
  readonly afterCommand: () => void
}
