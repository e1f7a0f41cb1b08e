/**
 * Where a slot map comes from. `Topology` keeps the map, tells of its changes and decides when it is learnt anew; how
 * that is done, and what a redirect says about the map, is up to a source.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { Address } from "../../Address.ts"
import type { Connector } from "../../Connector.ts"
import type { NodePool } from "../../NodePool.ts"
import type { RedisError } from "../../RedisError.ts"
import type { SlotMap } from "../../SlotMap.ts"

/**
 * What a source makes of redirects.
 *
 * **Details**
 *
 * `patch` and `disclaim` are given the current map and return the one that holds from now on: the same one if nothing
 * changes. All of these are called on the way of a command: they must not throw, and not take long.
 *
 * @category models
 * @since 0.1.0
 */
export interface Redirects {
  /** The address to connect to for one that a redirect names, or what is wrong with it. */
  readonly addressOf: (announced: Address) => Result.Result<Address, string>
  /** A MOVED says that the slot is at that address. `from` is the key of the node that sent it. */
  readonly patch: (map: SlotMap, slot: number, address: Address, from: string | undefined) => SlotMap
  /** The node that a MOVED named has answered a command on the slot. */
  readonly serves: (slot: number, node: string) => void
  /** A node answers MOVED for a slot that it was believed to have. */
  readonly disclaim: (map: SlotMap, slot: number, node: string) => SlotMap
}

/**
 * A source that has been opened: what learns the map, again and again.
 *
 * @category models
 * @since 0.1.0
 */
export interface Discovery {
  /**
   * Learns the map. Where it fails, the map that is known stays. It never runs twice at the same time, and is interrupted
   * when the client ends.
   */
  readonly learn: Effect.Effect<SlotMap, RedisError>
  /**
   * When to learn again although nobody asks, in milliseconds of the Clock; `undefined` for no such time. Read after each
   * time that the map was learnt.
   */
  readonly dueAt?: (() => number | undefined) | undefined
  /** Left out, a MOVED is followed and the map is learnt anew, and that is all. */
  readonly redirects?: Redirects | undefined
}

/**
 * Where the slot map comes from, and what holds for commands on such nodes.
 *
 * **Details**
 *
 * - `oneSlot`: whether all keys of a command have to be in one slot. If so, other commands fail with `CrossSlot` before
 *   they are sent. If not, they go to the node of their first key.
 * - `readOnly`: whether a replica answers reads only on connections that have said READONLY.
 * - `open`: opens the source, for as long as the topology lives.
 *
 * **Gotchas**
 *
 * Connections to nodes that are not in the map are closed each time that the map was learnt.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  readonly oneSlot: boolean
  readonly readOnly: boolean
  readonly open: Effect.Effect<Discovery, RedisError, Scope.Scope | NodePool | Connector>
}
