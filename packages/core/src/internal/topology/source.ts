/**
 * The interface of a source of slot maps. `Topology` keeps the map, publishes its changes and decides when it is learnt anew. A
 * source knows how to learn it, and what a redirect means for it.
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
 * Where a slot is by now. `from` is the key of the node that had it, or that says so.
 *
 * @category models
 * @since 0.1.0
 */
export interface Moved {
  readonly address: Address
  readonly from: string
}

/**
 * How a source reacts to redirects.
 *
 * **Details**
 *
 * `patch` and `disclaim` get the current map and return the new one: the same map if nothing changes. All of these functions
 * are called on the path of a command: they must not throw or take long.
 *
 * @category models
 * @since 0.1.0
 */
export interface Redirects {
  /** Translates the address in a redirect to the one to connect to, or returns the problem with it. */
  readonly addressOf: (announced: Address) => Result.Result<Address, string>
  /** Handles a MOVED, which says that `address` has the slot. `from` is the key of the node that sent it. */
  readonly patch: (map: SlotMap, slot: number, address: Address, from: string | undefined) => SlotMap
  /**
   * Handles many slots at once, of which a server announces that they have moved (SMIGRATED). If this is missing, `patch` is called
   * for each.
   */
  readonly patchAll?: ((map: SlotMap, moved: ReadonlyMap<number, Moved>) => SlotMap) | undefined
  /**
   * Handles the REDIRECT of a server without cluster mode, which says that `address` is its primary. If this is missing, it is
   * followed and the map is learnt anew.
   */
  readonly promote?: ((map: SlotMap, address: Address, from: string | undefined) => SlotMap) | undefined
  /** Called when the node that a MOVED named has answered a command on the slot. */
  readonly serves: (slot: number, node: string) => void
  /** Called when a node answers MOVED for a slot that it was believed to have. */
  readonly disclaim: (map: SlotMap, slot: number, node: string) => SlotMap
}

/**
 * An open source, which can learn the map again and again.
 *
 * @category models
 * @since 0.1.0
 */
export interface Discovery {
  /**
   * Learns the map. If it fails, the known map stays. It never runs twice at the same time, and is interrupted when the client
   * ends. It has to end: nothing else limits its time, and the map is not learnt anew while it runs.
   */
  readonly learn: Effect.Effect<SlotMap, RedisError>
  /**
   * Whether all keys of a command have to be in one slot, as in a cluster. If so, other commands fail with `CrossSlot` before they
   * are sent. If not, a command goes to the node of its first key. Read each time after the map was learnt. Default true.
   */
  readonly oneSlot?: boolean | undefined
  /**
   * Ends when the map is believed to have changed, and is then run again. The map is learnt soon after. What happens between two
   * runs must not be missed: the second has to end at once then.
   */
  readonly news?: Effect.Effect<unknown, unknown> | undefined
  /**
   * The time at which to learn again without a request, in milliseconds of the Clock; `undefined` for none. A time in the
   * past means as soon as possible. It is read each time after the map was learnt.
   */
  readonly dueAt?: (() => number | undefined) | undefined
  /**
   * Whether a node that the map does not have any more is known to hang. Then what it was sent is not waited for, but ends at once.
   */
  readonly isDead?: ((node: string) => boolean) | undefined
  /** If this is missing, a MOVED is followed and the map is learnt anew, and nothing else happens. */
  readonly redirects?: Redirects | undefined
}

/**
 * Where the slot map comes from. What `open` opens stays open for as long as the topology lives.
 *
 * **Gotchas**
 *
 * After each refresh, connections to nodes that are not in the map are closed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  readonly open: Effect.Effect<Discovery, RedisError, Scope.Scope | NodePool | Connector>
}
