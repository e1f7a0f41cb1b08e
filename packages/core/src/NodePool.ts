/**
 * The connections of a cluster, by node: a few shared ones that carry the commands of all fibers, and a pool of dedicated ones
 * for work that needs a connection to itself.
 *
 * A node is made when it is first asked for, and closed when the cluster no longer has it. The pool does not know which node
 * serves which slot. What {@link make} returns is in `internal/connection/nodePool.ts`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Connector from "./Connector.ts"
import type { Options } from "./internal/connection/node.ts"
import * as Internal from "./internal/connection/nodePool.ts"
import type * as Settings from "./internal/values/settings.ts"
import type * as RedisError from "./RedisError.ts"

export type { Node, NodeStats } from "./internal/connection/node.ts"
export type { Options } from "./internal/connection/node.ts"

/**
 * @category services
 * @since 0.1.0
 */
export class NodePool extends Context.Service<NodePool, Internal.NodePool>()("@redisc/core/NodePool") {}

/**
 * The checks of the options.
 *
 * @internal
 */
export const checks: Settings.Checks = Internal.checks

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: Options = {}
): Effect.Effect<NodePool["Service"], RedisError.RedisError, Scope.Scope | Connector.Connector> =>
  Internal.makePool(options)

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<NodePool, RedisError.RedisError, Connector.Connector> =>
  Layer.effect(NodePool, make(options))
