/**
 * Where the commands of an executor go. There are two: a cluster, by slot and map, and a session, which has one connection.
 */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Result from "effect/Result"
import type * as Address from "../../Address.ts"
import type * as Command from "../../Command.ts"
import type * as RedirectPolicy from "../../RedirectPolicy.ts"
import type { Call, Outcome } from "../connection/call.ts"
import type { Failure } from "../failures/failure.ts"
import type { Admission } from "./admission.ts"
import type { TurnClock } from "./turnClock.ts"

export type AnyFiber = Fiber.Fiber<unknown, unknown>

/** Where a further try goes: to whoever serves the slot by the map of that moment, or to one address. */
export type Route =
  | { readonly _tag: "ByMap" }
  | { readonly _tag: "To"; readonly address: Address.Address; readonly asking: boolean }

export const byMap = { _tag: "ByMap" } as const

/** One try of a command, as the router is asked for it. */
export interface Try {
  readonly command: Command.Any
  readonly slot: number
  /** In milliseconds of the Clock. */
  readonly deadline: number
  readonly route: Route
  /** Whether it stays on the shared connection although it would get one to itself: in a pipeline. */
  readonly together: boolean
}

export interface Router {
  readonly clock: TurnClock
  /** How long a command may take that does not say so itself, in milliseconds. */
  readonly timeout: number
  /** Whether ASKING goes before each command. */
  readonly asking: boolean
  /**
   * Whether all keys of a command have to be in one slot. If not, commands on different slots may be about the same key, and
   * it takes more than the order of each slot's to keep that of each key's.
   */
  readonly oneSlot: boolean
  readonly admit: (command: Command.Any) => Admission
  /** Whether a command needs a connection to itself, because it blocks or is slow. */
  readonly standsApart: (command: Command.Any) => boolean
  /** Hands the first try of a command to a connection, on behalf of a fiber. */
  readonly dispatch: (call: Call, slot: number, fiber: AnyFiber) => void
  /** Makes one try and waits for its outcome. */
  readonly send: (attempt: Try) => Effect.Effect<Outcome>
  readonly policy: Effect.Effect<RedirectPolicy.RedirectPolicy>
  /** The node that a redirect's text means, seen from the node that sent it; or why that can't be told. */
  readonly locate: (text: string, from: string | undefined) => Result.Result<Address.Address | undefined, string>
  /** Applies to the map, and to the choice of replicas, what a failure says about the cluster. */
  readonly heed: (failure: Failure, topology: RedirectPolicy.Decision["topology"]) => Effect.Effect<void>
  /** Notes that a node has answered for a slot that a MOVED gave it. */
  readonly serves: (slot: number, node: string) => void
  /** Counts a further try of a command that a fiber waits for. */
  readonly count: (what: "redirects" | "retries", failure: Failure, fiber: AnyFiber) => void
}
