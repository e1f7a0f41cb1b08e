/**
 * The interface that tells an executor where commands go. There are two: a cluster routes by slot and map, a session has one
 * connection.
 */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Address from "../../Address.ts"
import type * as Command from "../../Command.ts"
import type * as RedirectPolicy from "../../RedirectPolicy.ts"
import type { Topology } from "../../Topology.ts"
import type { Kept } from "../caching/cache.ts"
import type { Call, Outcome } from "../connection/call.ts"
import type { Failure } from "../failures/failure.ts"
import type { Admission } from "./admission.ts"
import type { Place } from "./door.ts"
import type { FirstMap } from "./firstMap.ts"
import type { TurnClock } from "./turnClock.ts"
import type { WaitingRoom } from "./waitingRoom.ts"

export type AnyFiber = Fiber.Fiber<unknown, unknown>

/** The target of a further try: the node that serves the slot by the current map, or one address. */
export type Route =
  | { readonly _tag: "ByMap" }
  | { readonly _tag: "To"; readonly address: Address.Address; readonly asking: boolean }

export const byMap = { _tag: "ByMap" } as const

/** Whether ASKING goes before a command on its way. */
export const isAsking = (route: Route): boolean => route._tag === "To" && route.asking

/** One try of a command, as an executor asks the router for it. */
export interface Try {
  readonly command: Command.Any
  readonly slot: number
  /** In milliseconds of the Clock. */
  readonly deadline: number
  readonly route: Route
  /** Whether it stays on the shared connection even if it would otherwise get a dedicated one: in a pipeline. */
  readonly together: boolean
}

export interface Router {
  readonly clock: TurnClock
  /** The timeout of commands without one of their own, in milliseconds. */
  readonly timeout: number
  /** Whether to send ASKING before each command. */
  readonly asking: boolean
  /**
   * Whether all keys of a command have to be in one slot. If not, commands on different slots may share a key, so keeping order
   * by slot is not enough to keep it by key.
   */
  readonly oneSlot: boolean
  /**
   * Decides on behalf of a fiber, whose region may forbid that commands are sent in parts. A command that has waited for the first
   * map (`isLate`) does not wait again.
   */
  readonly admit: (command: Command.Any, fiber: AnyFiber, isLate?: boolean) => Admission
  /** A kept reply to a command, on behalf of a fiber; undefined if there is none that it may have. */
  readonly recall: (command: Command.Any, fiber: AnyFiber) => Kept | undefined
  /** The kept replies to all parts of a command; undefined if one is missing. */
  readonly recallAll: (commands: ReadonlyArray<Command.Any>, fiber: AnyFiber) => ReadonlyArray<Kept> | undefined
  /** Whether a command needs a dedicated connection, because it blocks or is slow. */
  readonly standsApart: (command: Command.Any) => boolean
  /**
   * Gives the first try of a command to a connection, on behalf of a fiber. Calls in one lane go over one connection to each
   * node, and so keep their order there; if it is missing, those on a slot do.
   */
  readonly dispatch: (call: Call, slot: number, fiber: AnyFiber, lane?: number) => void
  /**
   * Gives a further try to a connection, wherever it is to go. It neither blocks nor waits for others, and says itself whether
   * ASKING goes before it.
   */
  readonly redispatch: (call: Call, slot: number, route: Route, fiber: AnyFiber) => void
  /** Makes one try and waits for its outcome. */
  readonly send: (attempt: Try) => Effect.Effect<Outcome>
  readonly policyOf: (fiber: AnyFiber) => RedirectPolicy.RedirectPolicy
  /** The node that a redirect's text means, seen from the node that sent it; or the problem with the text. */
  readonly locate: Topology["Service"]["locate"]
  /** Updates the map, and the choice of replicas, after a failure. */
  readonly heed: (failure: Failure, topology: RedirectPolicy.Decision["topology"]) => Effect.Effect<void>
  /** Records that a node has answered for a slot that a MOVED gave it. */
  readonly serves: (slot: number, node: string) => void
  /** Where commands wait for the first map; undefined where there is no need of one. */
  readonly firstMap: FirstMap | undefined
  /** Where commands wait while their node is away; undefined where they don't. */
  readonly room: WaitingRoom | undefined
  /** Where a command goes, by the map; undefined where its node is chosen in another way. */
  readonly placeOf: (command: Command.Any, slot: number, fiber: AnyFiber) => Place | undefined
  /** Counts a further try of a command that a fiber waits for. */
  readonly count: (what: "redirects" | "retries", failure: Failure, fiber: AnyFiber) => void
}
