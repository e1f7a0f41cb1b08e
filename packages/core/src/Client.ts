/**
 * The client behind the commands, which sessions, subscriptions and work on single nodes require.
 *
 * Programs need its name only in types: an effect that opens a session requires a `Client`, and the layer of a cluster provides
 * it beside `Redis`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type { Redis } from "./Command.ts"
import type { ClusterRouter } from "./internal/execution/clusterRouter.ts"
import type { Hub } from "./internal/pubsub/hub.ts"
import type * as Topology from "./Topology.ts"

/**
 * The client of a Redis Cluster. `RedisCluster.layer` provides it, on Node `NodeRedisCluster.layer`.
 *
 * **Example** (The type of an effect that uses a session)
 *
 * ```ts
 * import { Redis, Session } from "@redisc/core"
 * import type { Client } from "@redisc/core"
 * import type { Effect } from "effect"
 *
 * const counted: Effect.Effect<number, Redis.RedisError, Client.Client> = Session.use({ keys: "hits" }, Redis.incr("hits"))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Client extends Context.Service<Client, {
  /** Executes commands. This is the `Redis` of the same layer. */
  readonly redis: Redis["Service"]
  readonly topology: Topology.Topology["Service"]
  /** @internal */
  readonly router: ClusterRouter
  /** @internal */
  readonly subscriptions: Hub
}>()("@redisc/core/Client") {}
