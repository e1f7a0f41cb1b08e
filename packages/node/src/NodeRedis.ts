/**
 * Redis on Node.js, as a Layer, however it runs: one server, a primary that Sentinels watch, or a cluster. The same program runs on
 * all of them; only the address differs.
 *
 * @since 0.1.0
 */
import * as Address from "@redisc/core/Address"
import type * as Connection from "@redisc/core/Connection"
import * as RedisCluster from "@redisc/core/RedisCluster"
import type { RedisError } from "@redisc/core/RedisError"
import * as Settings from "@redisc/core/Settings"
import * as Topology from "@redisc/core/Topology"
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Endpoint from "./internal/endpoint.ts"
import * as NodeConnector from "./NodeConnector.ts"

/**
 * The primary to look for at Sentinels, and how to connect to them. Sentinels have users and certificates of their own.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface SentinelOptions {
  /** The name of the primary, as in `sentinel monitor <name> ...` of their configuration. */
  readonly name: string
  /** The user to authenticate as at Sentinels. Default none. */
  readonly credentials?: Connection.Options["credentials"]
  /** TLS to Sentinels. Default as to the servers. */
  readonly tls?: NodeConnector.Options["tls"]
}

/**
 * The settings of `@redisc/core`'s client, and where Redis is.
 *
 * **Details**
 *
 * Give `nodes` or `url`. A `url` has addresses, credentials, a database and, as `rediss://`, TLS; see `ConnectionString.parse`. The
 * options `credentials`, `database` and `tls` take precedence over it.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options extends RedisCluster.SourceOptions {
  /** The server; a primary and its replicas; some nodes of a cluster; or, with `sentinel`, Sentinels. */
  readonly nodes?: Endpoint.Given["nodes"]
  readonly url?: Endpoint.Given["url"]
  readonly tls?: NodeConnector.Options["tls"]
  /**
   * Says that the nodes are Sentinels. A `url` such as `redis+sentinel://host:26379/name` says so, too; then `name` is in both the
   * same, or left to the `url`.
   */
  readonly sentinel?: SentinelOptions | undefined
  /**
   * Translates an address that a server announces to the address to connect to, for servers behind NAT. If it throws or returns
   * something else, a refresh fails and is tried again, and a redirected command fails.
   */
  readonly addressMap?: Topology.ClusterOptions["addressMap"]
}

const sentinelChecks: Settings.Checks = {
  name: Settings.text,
  credentials: RedisCluster.checks.credentials,
  tls: NodeConnector.tlsCheck
}

const checks: Settings.Checks = {
  ...RedisCluster.checks,
  ...Endpoint.checks,
  sentinel: (name, value) =>
    Settings.optionsProblem(value, sentinelChecks, name) ??
      ((value as SentinelOptions).name === undefined || (value as SentinelOptions).name === ""
        ? `${name} has no name: give that of the primary, as in the Sentinels' "sentinel monitor <name>"`
        : undefined)
}

const make = (options: Options): Result.Result<Layer.Layer<RedisCluster.Services, RedisError>, string> => {
  const problem = Settings.optionsProblem(options, checks)
  if (problem !== undefined) return Result.fail(problem)
  return Result.flatMap(
    Endpoint.read(options),
    ({ client: { addressMap, sentinel, ...client }, connector, nodes, ...told }) => {
      const addresses = nodes.map((node) => typeof node === "string" ? Result.getOrThrow(Address.parse(node)) : node)
      if (sentinel !== undefined && told.sentinel !== undefined && sentinel.name !== told.sentinel) {
        return Result.fail("the url and the option sentinel name different primaries: name it once")
      }
      const name = sentinel?.name ?? told.sentinel
      const layerOf = (source: Topology.Source) =>
        Layer.provide(RedisCluster.layerFromSource(source, client), NodeConnector.layer(connector))
      if (name === undefined) {
        return Result.succeed(
          layerOf(Topology.detect({ nodes: addresses, addressMap, sentinelCredentials: client.credentials }))
        )
      }
      const { credentials, tls } = sentinel ?? {}
      const watched = { name, sentinels: addresses, credentials, addressMap }
      return Result.succeed(
        tls === undefined
          ? layerOf(Topology.sentinel(watched))
          : Layer.unwrap(Effect.map(
            NodeConnector.make({ ...connector, tls }),
            (connector) => layerOf(Topology.sentinel({ ...watched, connector }))
          ))
      )
    }
  )
}

/**
 * Redis as a Layer. It provides what the layer of a cluster does: `Redis`, which executes commands; `Client`, which sessions,
 * subscriptions and work on nodes require; `RedisCluster`, which has statistics and failures; and the `Topology` and the `NodePool`
 * that they use.
 *
 * **Details**
 *
 * Building it asks the first node that answers in which mode it runs. A cluster is used as by `NodeRedisCluster.layer`. A server
 * without cluster mode has everything; if several are given, the one that is the primary does, and the others answer the reads that
 * `readFrom` lets them. If the nodes are Sentinels, as `sentinel` or the `url` says, or as they say themselves, the primary and its
 * replicas are those that they name; without a name they have to watch one primary only.
 *
 * It fails with `DiscoveryFailed` if none of them answers, and with `InvalidArgument` if an option is invalid. All sockets are closed
 * with the layer's scope.
 *
 * **Example** (The address from the environment, and a database)
 *
 * ```ts
 * import { NodeRuntime } from "@effect/platform-node"
 * import { Redis } from "@redisc/core"
 * import { NodeRedis } from "@redisc/node"
 * import { Effect } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   yield* Redis.set("greeting", "hello", { ex: "1 hour" })
 *   yield* Effect.log(yield* Redis.get("greeting"))
 * })
 *
 * program.pipe(
 *   Effect.provide(NodeRedis.layer({ url: process.env.REDIS_URL ?? "redis://localhost:6379/1" })),
 *   NodeRuntime.runMain
 * )
 * ```
 *
 * **Example** (Sentinels with a password of their own)
 *
 * ```ts
 * import { NodeRedis } from "@redisc/node"
 * import { Redacted } from "effect"
 *
 * const Live = NodeRedis.layer({
 *   nodes: ["sentinel-1:26379", "sentinel-2:26379", "sentinel-3:26379"],
 *   sentinel: { name: "mymaster", credentials: { password: Redacted.make("s3ntinel") } },
 *   credentials: { password: Redacted.make("s3cret") },
 *   readFrom: "preferReplica"
 * })
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
 * Redis as a Layer whose options come from the program's configuration.
 *
 * **Example** (From the environment)
 *
 * ```ts
 * import { NodeRedis } from "@redisc/node"
 * import { Config } from "effect"
 *
 * const Live = NodeRedis.layerConfig({ url: Config.Redacted("REDIS_URL") })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig = (
  options: ConfigOptions
): Layer.Layer<RedisCluster.Services, RedisError | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Endpoint.fromConfig<Options>(options), layer))
