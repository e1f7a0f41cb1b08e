/**
 * A Redis server without cluster mode inside a test, with replicas if wanted: simulated, in memory, with sixteen databases, and
 * time by Effect's Clock. No server, no port, and it starts in milliseconds.
 *
 * {@link layer} takes the place of the Node layer. Only the network is simulated: the client above it is the real one, byte for
 * byte. The controls have the same names as those of `RealRedis`, and take effect at once. Nothing fails over by itself: the
 * control `failover`, or commands (REPLICAOF, FAILOVER), change the roles of servers.
 *
 * Which server is imitated, and where all of this runs, is as for `FakeCluster`.
 *
 * @since 0.1.0
 */
import { Connector } from "@redisc/core/Connector"
import * as RedisCluster from "@redisc/core/RedisCluster"
import type { RedisError } from "@redisc/core/RedisError"
import * as Topology from "@redisc/core/Topology"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { FakeWorld } from "./fake/cluster/node.ts"
import { populateServers } from "./fake/cluster/populate.ts"
import * as Common from "./fake/controls/common.ts"
import type { Controls } from "./fake/controls/common.ts"
import type { NodeRef } from "./fake/controls/find.ts"
import { checked, flag } from "./fake/controls/options.ts"
import * as Servers from "./fake/controls/servers.ts"
import { start } from "./fake/controls/start.ts"
import type { Profile } from "./fake/facts/profile.ts"
import type { VersionName } from "./fake/facts/version.ts"
import * as Checks from "./fake/input/checks.ts"
import type { FakeClusterError } from "./fake/input/fakeClusterError.ts"
import type { ServerNode, ServerState } from "./internal/clusterNode.ts"

export {
  /**
   * @category errors
   * @since 0.1.0
   */
  FakeClusterError
} from "./fake/input/fakeClusterError.ts"

/**
 * The options of simulated servers.
 *
 * **Details**
 *
 * - `version`: the server to imitate, where versions differ visibly: `"7.0"` (the default, Redis 7.0.15) or `"8.0"` (Redis
 *   8.0.2).
 * - `replicas`: the number of replicas, 0 by default.
 * - `databases`: the number of databases, 16 by default.
 * - `redirect`: whether a replica sends clients that have said CLIENT CAPA redirect to its primary (`-REDIRECT`), as Valkey does
 *   since 8.0. False by default: Redis knows no CLIENT CAPA.
 * - `password`: the password of the default user. The client of `layer` gets it too.
 * - `availabilityZones`: the zones over which the servers are spread, which they tell as Valkey 9 does: in HELLO and INFO.
 * - `config`: more settings, as for CONFIG SET.
 * - `announces`: whether nodes announce maintenance to clients that ask for it (`CLIENT MAINT_NOTIFICATIONS`), as Redis Cloud and
 *   Redis Software do, and no other server. Default false.
 * - `profile`: the managed service that stands in front of the servers, with its restrictions. Default none.
 * - `seed`: determines everything that is random: RANDOMKEY, SPOP. The same seed gives the same run. Default 1.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly version?: VersionName | undefined
  readonly replicas?: number | undefined
  readonly databases?: number | undefined
  readonly redirect?: boolean | undefined
  readonly password?: Redacted.Redacted | undefined
  readonly availabilityZones?: ReadonlyArray<string> | undefined
  readonly config?: Readonly<Record<string, string>> | undefined
  readonly seed?: number | undefined
  readonly profile?: Profile | undefined
  readonly announces?: boolean | undefined
}

const optionNames: ReadonlyArray<string> = [
  "version",
  "replicas",
  "databases",
  "redirect",
  "password",
  "availabilityZones",
  "config",
  "seed",
  "profile",
  "announces"
]

/**
 * The options of {@link layer}: those of the servers, and settings of the client.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface LayerOptions extends Options {
  readonly client?: RedisCluster.SourceOptions | undefined
}

/**
 * The controls of simulated servers without cluster mode.
 *
 * **Details**
 *
 * Invalid arguments (a server that does not exist, a negative duration) fail with `FakeClusterError`. Those of the controls that
 * all simulated servers have are in `FakeCluster.Controls`.
 *
 * **Example** (What a client does at a failover)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { FakeRedis } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * const followed = Effect.gen(function*() {
 *   const servers = yield* FakeRedis.FakeRedis
 *   yield* Redis.set("user:1", "ada")
 *   yield* servers.failover("fake-1")
 *   return yield* Redis.get("user:1") // "ada"
 * }).pipe(Effect.provide(FakeRedis.layer({ replicas: 1 })))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class FakeRedis extends Context.Service<
  FakeRedis,
  Controls<ServerState> & {
    /** The running primary, the first one if there are several. Fails if there is none. */
    readonly primary: Effect.Effect<ServerState, FakeClusterError>
    /** The running replicas. */
    readonly replicas: Effect.Effect<ReadonlyArray<ServerState>, FakeClusterError>
    /**
     * Makes a replica the primary, and lets the other servers copy it: those that run, and those that are stopped once they are
     * started. The primary has to run and to have the replica linked, unless the mode is `force`. One that is paused is left as it
     * is: when it is resumed, it is a primary too.
     */
    readonly failover: (replica: NodeRef, mode?: "default" | "force") => Effect.Effect<void, FakeClusterError>
    /** Starts one more replica, of the primary or of the given server. */
    readonly addReplica: (of?: NodeRef) => Effect.Effect<ServerNode, FakeClusterError>
  }
>()("@redisc/test-utils/FakeRedis") {}

type Service = FakeRedis["Service"]

/** The services of simulated servers. */
interface Parts {
  readonly service: Service
  readonly connector: Connector["Service"]
}

const plan = (options: Options) => {
  Checks.record("what the servers are made with", options, [...optionNames, "client"])
  const { databases = 16, redirect = false } = options
  const { replicas, seed, settings } = checked(options, {
    databases: 16,
    shards: 1,
    config: [["cluster-enabled", "no"], ["databases", String(databases)]]
  })
  return { replicas, seed, settings: { ...settings, clustered: false, redirects: flag("redirect", redirect) } }
}

const makeService = (world: FakeWorld): Service => {
  let count = world.nodes.size
  const { step } = Common
  const { controls, welcome } = Common.make<ServerState>(world, {
    stateOf: Servers.stateOf,
    ownerOf: () => Servers.primaryOf(world),
    describe: () => Servers.describe(world)
  })
  return FakeRedis.of({
    ...controls,
    primary: step(() => Servers.stateOf(Servers.primaryOf(world))),
    replicas: Effect.map(
      controls.nodes,
      (all) => all.filter(({ process, role }) => role === "replica" && process === "running")
    ),
    failover: (replica, mode = "default") => step(() => Servers.failover(world, replica, mode)),
    addReplica: (of) => Effect.flatMap(step(() => Servers.addReplica(world, count++, of)), welcome)
  })
}

/**
 * Starts simulated servers, and returns their controls and the `Connector` that connects to them. They end with the scope. Fails
 * with `FakeClusterError` if an option is wrong.
 *
 * **Example** (The servers by themselves)
 *
 * ```ts
 * import { FakeRedis } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * const pong = Effect.scoped(Effect.gen(function*() {
 *   const { service } = yield* FakeRedis.make()
 *   return yield* service.command("fake-0", "PING")
 * }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<Parts, FakeClusterError, Scope.Scope> =>
  Effect.gen(function*() {
    const { replicas, seed, settings } = yield* Common.step(() => plan(options))
    const { connector, world } = yield* start(settings, seed, (made) => populateServers(made, replicas))
    return { service: makeService(world), connector }
  })

/**
 * Simulated servers as a layer, for programs with a client of their own: their controls and a `Connector`.
 *
 * **Example** (A client that detects the mode)
 *
 * ```ts
 * import { Address, RedisCluster, Topology } from "@redisc/core"
 * import { FakeRedis } from "@redisc/test-utils"
 * import { Layer } from "effect"
 *
 * const source = Topology.detect({ nodes: [Address.tcp("fake-0", 6379)] })
 * const Live = Layer.provideMerge(RedisCluster.layerFromSource(source), FakeRedis.layerConnector())
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConnector = (options?: Options): Layer.Layer<FakeRedis | Connector, FakeClusterError> =>
  Layer.effectContext(
    Effect.map(
      make(options),
      ({ connector, service }) => Context.make(FakeRedis, service).pipe(Context.add(Connector, connector))
    )
  )

/**
 * Simulated servers with their client: the services of `RedisCluster.layerFromSource`, and {@link FakeRedis}.
 *
 * **Details**
 *
 * The client finds the servers by `Topology.standalone`; `client` has its settings. The client's periodic work (PINGs on idle
 * connections, refreshes of the map) runs only once a day here, so that advancing a test by an hour costs nothing; `client` can
 * set other intervals.
 *
 * **Example** (A server for each test)
 *
 * ```ts
 * import { assert, it } from "@effect/vitest"
 * import { Redis } from "@redisc/core"
 * import { FakeRedis } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * it.effect("takes keys of any slots", () =>
 *   Effect.gen(function*() {
 *     yield* Redis.mset({ a: "1", b: "2" })
 *     assert.deepStrictEqual(yield* Redis.mget(["a", "b"]), ["1", "2"])
 *   }).pipe(Effect.provide(FakeRedis.layer())))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: LayerOptions = {}
): Layer.Layer<FakeRedis | RedisCluster.Services, FakeClusterError | RedisError> => {
  const { client, password } = options ?? {}
  const ofServers = Layer.unwrap(
    Effect.map(FakeRedis, ({ addresses }) =>
      RedisCluster.layerFromSource(Topology.standalone({ servers: addresses }), {
        pingInterval: "1 day",
        refreshInterval: "1 day",
        dedicatedTimeToLive: "1 day",
        ...(password === undefined ? {} : { credentials: { password } }),
        ...client
      }))
  )
  return Layer.provideMerge(ofServers, layerConnector(options))
}
