/**
 * A Redis Cluster on Node.js, as a Layer: the cluster of `@redisc/core` over TCP, TLS or unix sockets.
 *
 * @since 0.1.0
 */
import type { Address } from "@redisc/core/Address"
import type * as Connection from "@redisc/core/Connection"
import * as RedisCluster from "@redisc/core/RedisCluster"
import { InvalidArgument, RedisError } from "@redisc/core/RedisError"
import * as Settings from "@redisc/core/Settings"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as ConnectionString from "./ConnectionString.ts"
import * as NodeConnector from "./NodeConnector.ts"

/**
 * The settings of `@redisc/core`'s cluster, and `url` and `tls`.
 *
 * **Details**
 *
 * Give `nodes` or `url`. A `url` such as `redis://user:password@host:port,host:port` contains seeds, credentials and, as
 * `rediss://`, TLS. The options `credentials` and `tls` take precedence over it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends Omit<RedisCluster.Options, "nodes"> {
  readonly nodes?: ReadonlyArray<string | Address> | undefined
  readonly url?: string | Redacted.Redacted | undefined
  readonly tls?: NodeConnector.Options["tls"]
}

interface Resolved {
  readonly cluster: RedisCluster.Options
  readonly connector: NodeConnector.Options
}

const { nodes: nodesCheck, ...otherChecks } = RedisCluster.checks

const checks: Settings.Checks = {
  nodes: nodesCheck,
  url: Settings.satisfies(
    `text, or a Redacted of text: "redis://user:password@host:port,host:port"`,
    (value) => typeof value === "string" || Redacted.isRedacted(value)
  ),
  tls: NodeConnector.tlsCheck,
  ...otherChecks
}

const invalid = (problem: string): RedisError =>
  new RedisError({ reason: new InvalidArgument({ problem }), delivery: "NotSent", attempts: 0 })

const resolve = (options: Options): Result.Result<Resolved, string> => {
  const problem = Settings.optionsProblem(options, checks)
  if (problem !== undefined) return Result.fail(problem)
  const { nodes, tls, url, ...rest } = options
  const { connectTimeout } = rest
  if (url === undefined) {
    return nodes === undefined
      ? Result.fail(`give the nodes to ask first, as in { nodes: ["127.0.0.1:6379"] }, or a url`)
      : Result.succeed({ cluster: { ...rest, nodes }, connector: { connectTimeout, tls } })
  }
  if (nodes !== undefined) return Result.fail("give nodes or a url, not both")
  return Result.map(ConnectionString.parse(url), ({ nodes, password, secure, username }) => ({
    cluster: {
      ...rest,
      nodes,
      credentials: rest.credentials ?? (password === undefined ? undefined : { username, password })
    },
    connector: { connectTimeout, tls: tls ?? secure }
  }))
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
  Layer.unwrap(Effect.map(
    Effect.mapError(Effect.suspend(() => Effect.fromResult(resolve(options))), invalid),
    ({ cluster, connector }) => Layer.provide(RedisCluster.layer(cluster), NodeConnector.layer(connector))
  ))

/**
 * The options, each from the program's configuration, or all of them from one `Config`. Those of `credentials` may come one by
 * one, too.
 *
 * @category configuration
 * @since 0.1.0
 */
export type ConfigOptions =
  | Config.Wrap<Options>
  | (Omit<Exclude<Config.Wrap<Options>, Config.Config<unknown>>, "credentials"> & {
    readonly credentials?: Config.Wrap<Connection.Credentials> | undefined
  })

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
): Layer.Layer<RedisCluster.Services, RedisError | Config.ConfigError> => Layer.unwrap(Effect.map(read(options), layer))

const read = (options: ConfigOptions): Effect.Effect<Options, RedisError | Config.ConfigError> =>
  Effect.catchDefect(
    Effect.suspend((): Effect.Effect<Options, Config.ConfigError> => Config.unwrap(options as Config.Wrap<Options>)),
    () =>
      Effect.fail(
        invalid(
          "give layerConfig a Config of the options, or an object of Configs, one an option, none of which throws"
        )
      )
  )
