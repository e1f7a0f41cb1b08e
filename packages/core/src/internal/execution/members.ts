/**
 * Selections of nodes by their role, and the result of work on a node.
 *
 * @since 0.1.0
 */
import type * as Result from "effect/Result"
import type * as Address from "../../Address.ts"
import type * as RedisError from "../../RedisError.ts"
import type * as SlotMap from "../../SlotMap.ts"
import * as Settings from "../values/settings.ts"

/**
 * A selection of nodes by their role.
 *
 * @category models
 * @since 0.1.0
 */
export type Nodes = "primaries" | "replicas" | "all"

/**
 * The result of a command, or of other work, on one node.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeResult<out A, out E = RedisError.RedisError> {
  readonly address: Address.Address
  readonly role: "primary" | "replica"
  readonly result: Result.Result<A, E>
}

/** Checks that a value is a selection of nodes. */
export const nodesCheck = Settings.oneOf("primaries", "replicas", "all")

/** The nodes of a selection that are known to be up. */
export const membersOf = ({ nodes }: SlotMap.SlotMap, which: Nodes): ReadonlyArray<SlotMap.Node> =>
  Array.from(nodes.values()).filter(({ health, role }) =>
    health === "online" && (which === "all" || which === (role === "primary" ? "primaries" : "replicas"))
  )
