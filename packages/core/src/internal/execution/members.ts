/**
 * The nodes of a cluster by their role, and what came of work on each of them.
 *
 * @since 0.1.0
 */
import type * as Result from "effect/Result"
import type * as Address from "../../Address.ts"
import type * as RedisError from "../../RedisError.ts"
import type * as SlotMap from "../../SlotMap.ts"
import * as Settings from "../values/settings.ts"

/**
 * Which nodes are meant.
 *
 * @category models
 * @since 0.1.0
 */
export type Nodes = "primaries" | "replicas" | "all"

/**
 * What came of a command, or of other work, on one node.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeResult<out A, out E = RedisError.RedisError> {
  readonly address: Address.Address
  readonly role: "primary" | "replica"
  readonly result: Result.Result<A, E>
}

/**
 * Tells whether a selection of nodes is one.
 */
export const nodesCheck = Settings.oneOf("primaries", "replicas", "all")

/**
 * The nodes that are meant, as far as they are known to be up.
 */
export const membersOf = ({ nodes }: SlotMap.SlotMap, which: Nodes): ReadonlyArray<SlotMap.Node> =>
  Array.from(nodes.values()).filter(({ health, role }) =>
    health === "online" && (which === "all" || which === (role === "primary" ? "primaries" : "replicas"))
  )
