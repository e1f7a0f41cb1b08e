/**
 * A Redis Cluster on Node.js, as a Layer: the cluster of `@redisc/core` over TCP, TLS or unix sockets.
 *
 * @since 0.1.0
 */
import type { Address } from "@redisc/core/Address"
import * as RedisCluster from "@redisc/core/RedisCluster"
import type { RedisError } from "@redisc/core/RedisError"
import * as Settings from "@redisc/core/Settings"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Endpoint from "./internal/endpoint.ts"
import * as NodeConnector from "./NodeConnector.ts"

/**
 * The settings of `@redisc/core`'s cluster, and `url` and `tls`.
 *
 * **Details**
 *
 * Give `nodes` or `url`. A `url` such as `redis://user:password@host:port,host:port` contains seeds, credentials, a database (of a
 * Valkey 9 with `cluster-databases`) and, as `rediss://`, TLS. The options `credentials`, `database` and `tls` take precedence over it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Omit<RedisCluster.Options, "nodes"> {
  readonly nodes?: ReadonlyArray<string | Address> | undefined
  readonly url?: string | Redacted.Redacted | undefined
  readonly tls?: NodeConnector.Options["tls"]
}

const checks: Settings.Checks = { ...RedisCluster.checks, ...Endpoint.checks }

const make = (options: Options): Result.Result<Layer.Layer<RedisCluster.Services, RedisError>, string> => {
  const problem = Settings.optionsProblem(options, checks)
  if (problem !== undefined) return Result.fail(problem)
  return Result.flatMap(Endpoint.read(options), ({ client, connector, nodes, sentinel }) =>
    sentinel === undefined
      ? Result.succeed(Layer.provide(RedisCluster.layer({ ...client, nodes }), NodeConnector.layer(connector)))
      : Result.fail("the url is one of Sentinels, which watch no cluster: use NodeRedis.layer"))
}

/**
 * The cluster as a Layer. It provides `Redis`, which executes commands; `Client`, which sessions, subscriptions and work on
 * nodes require; `RedisCluster`, which has statistics and failures; and the `Topology` and the `NodePool` that they use.
 *
 * **Details**
 *
 * Building it asks a seed for the cluster's layout. It fails with `DiscoveryFailed` if no seed returns the layout, and with
 * `InvalidArgument` if an option is invalid. All sockets are closed with the layer's scope.
 *
 * **Example** (A whole program)
 *
 * ```ts
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Redis } from "@redisc/core"
 * import { NodeRedisCluster } from "@redisc/node"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   yield* Redis.set("greeting", "hello", { ex: "1 hour" })
 *   yield* Effect.log(yield* Redis.get("greeting"))
 * })
 *
 * program.pipe(
 *   Effect.provide(NodeRedisCluster.layer({ nodes: ["127.0.0.1:7000"] })),
 *   NodeRuntime.runMain
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<RedisCluster.Services, RedisError> =>
  Layer.unwrap(Effect.mapError(Effect.suspend(() => Effect.fromResult(make(options))), Endpoint.invalid))

/**
 * The options, each from the program's configuration, or all of them from one `Config`. Those of `credentials` may come one by
 * one, too.
 *
 * @category configuration
 * @since 0.1.0
 */
export type ConfigOptions = Endpoint.Configs<Options>

/**
 * The cluster as a Layer whose options come from the program's configuration.
 *
 * **Example** (From the environment)
 *
 * ```ts
 * import { NodeRedisCluster } from "@redisc/node"
 * import { Config } from "effect"
 *
 * const Live = NodeRedisCluster.layerConfig({
 *   url: Config.Redacted("REDIS_URL"),
 *   clientName: Config.String("REDIS_CLIENT_NAME").pipe(Config.withDefault("app"))
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: ConfigOptions
): Layer.Layer<RedisCluster.Services, RedisError | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Endpoint.fromConfig<Options>(options), layer))
