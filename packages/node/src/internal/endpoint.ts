/**
 * Where Redis is, from the options of a layer: as nodes, or as a connection string. Both say the same.
 */
import type { Address } from "@redisc/core/Address"
import type * as Connection from "@redisc/core/Connection"
import type * as RedisCluster from "@redisc/core/RedisCluster"
import { InvalidArgument, RedisError } from "@redisc/core/RedisError"
import * as Settings from "@redisc/core/Settings"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as ConnectionString from "../ConnectionString.ts"
import * as NodeConnector from "../NodeConnector.ts"

/** The options that say where Redis is, and who connects. */
export interface Given extends RedisCluster.SourceOptions {
  readonly nodes?: ReadonlyArray<string | Address> | undefined
  readonly url?: string | Redacted.Redacted | undefined
  readonly tls?: NodeConnector.Options["tls"]
}

/** What they say: nodes, settings of the client, and those of the connector. `sentinel` is the name in a url of Sentinels. */
export interface Endpoint<Options> {
  readonly nodes: ReadonlyArray<string | Address>
  readonly sentinel: string | undefined
  readonly client: Omit<Options, "nodes" | "tls" | "url">
  readonly connector: NodeConnector.Options
}

/** Checks of `url` and `tls`. */
export const checks: Settings.Checks = {
  url: Settings.satisfies(
    `text, or a Redacted of text: "redis://user:password@host:port,host:port"`,
    (value) => typeof value === "string" || Redacted.isRedacted(value)
  ),
  tls: NodeConnector.tlsCheck
}

export const invalid = (problem: string): RedisError =>
  new RedisError({ reason: new InvalidArgument({ problem }), delivery: "NotSent", attempts: 0 })

/** Reads the options, which are checked already. */
export const read = <Options extends Given>(
  { nodes, tls, url, ...client }: Options
): Result.Result<Endpoint<Options>, string> => {
  const { connectTimeout, credentials, database } = client
  if (url === undefined) {
    return nodes === undefined
      ? Result.fail(`give the nodes to ask first, as in { nodes: ["127.0.0.1:6379"] }, or a url`)
      : Result.succeed({ nodes, sentinel: undefined, client, connector: { connectTimeout, tls } })
  }
  if (nodes !== undefined) return Result.fail("give nodes or a url, not both")
  return Result.map(ConnectionString.parse(url), (told) => ({
    nodes: told.nodes,
    sentinel: told.sentinel,
    client: {
      ...client,
      credentials: credentials ??
        (told.password === undefined ? undefined : { username: told.username, password: told.password }),
      database: database ?? told.database
    },
    connector: { connectTimeout, tls: tls ?? told.secure }
  }))
}

/** Options as Configs, or one Config of all of them. Those of `credentials` may come one by one, too. */
export type Configs<Options> =
  | Config.Wrap<Options>
  | (Omit<Exclude<Config.Wrap<Options>, Config.Config<unknown>>, "credentials"> & {
    readonly credentials?: Config.Wrap<Connection.Credentials> | undefined
  })

/** Reads the options of a layer from the program's configuration. A caller without types may give anything. */
export const fromConfig = <Options>(
  options: Configs<Options>
): Effect.Effect<Options, RedisError | Config.ConfigError> =>
  Effect.catchDefect(
    Effect.suspend((): Effect.Effect<Options, Config.ConfigError> => Config.unwrap(options as Config.Wrap<Options>)),
    () =>
      Effect.fail(
        invalid(
          "give layerConfig a Config of the options, or an object of Configs, one an option, none of which throws"
        )
      )
  )
