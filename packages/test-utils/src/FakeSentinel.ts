/**
 * A Sentinel group inside a test: a primary, its replicas, and the sentinels that watch them and fail over; simulated, in memory,
 * with time by Effect's Clock. No server, no port, and it starts in milliseconds.
 *
 * {@link layer} takes the place of the Node layer. Only the network is simulated: the client above it is the real one, byte for
 * byte. The controls have the same names as those of `RealSentinel`. Those that disturb a process or the network take effect at
 * once, and the sentinels act on it in their time: a test with TestClock advances it, and a failover takes no real time.
 *
 * The sentinels are those of Redis 7.0.15, with their epochs, votes and events. Servers and sentinels announce themselves by host
 * names. Replicas get writes at once, so that a failover loses only what a primary accepts that its replicas can't hear.
 *
 * @since 0.1.0
 */
import type * as Address from "@redisc/core/Address"
import { Connector } from "@redisc/core/Connector"
import * as RedisCluster from "@redisc/core/RedisCluster"
import type { RedisError } from "@redisc/core/RedisError"
import * as Topology from "@redisc/core/Topology"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { populateServers } from "./fake/cluster/populate.ts"
import * as Common from "./fake/controls/common.ts"
import type { Controls } from "./fake/controls/common.ts"
import type { NodeRef } from "./fake/controls/find.ts"
import { find } from "./fake/controls/find.ts"
import { checked, flag, secretOf } from "./fake/controls/options.ts"
import * as Sentinels from "./fake/controls/sentinels.ts"
import type { Watched } from "./fake/controls/sentinels.ts"
import * as Servers from "./fake/controls/servers.ts"
import { start } from "./fake/controls/start.ts"
import type { VersionName } from "./fake/facts/version.ts"
import * as Checks from "./fake/input/checks.ts"
import type { FakeClusterError } from "./fake/input/fakeClusterError.ts"
import { Group, hurriedPeriods, usualPeriods } from "./fake/sentinel/group.ts"
import type { GroupSettings, Told } from "./fake/sentinel/group.ts"
import { SentinelNode } from "./fake/sentinel/node.ts"
import { populateSentinels } from "./fake/sentinel/populate.ts"
import type { ServerNode, ServerState } from "./internal/clusterNode.ts"

export {
  /**
   * @category errors
   * @since 0.1.0
   */
  FakeClusterError
} from "./fake/input/fakeClusterError.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  Told
} from "./fake/sentinel/group.ts"

/**
 * The options of a simulated group.
 *
 * **Details**
 *
 * - `name`: the name by which the sentinels know the primary, `mymaster` by default.
 * - `replicas`: 1 by default. `sentinels`: 3 by default.
 * - `quorum`: how many sentinels have to find the primary down; by default more than half.
 * - `downAfter`: how long a server may be silent before it counts as down, 600 ms by default. A failover takes place about one to
 *   two seconds later.
 * - `failoverTimeout`: 2 seconds by default. A failover that failed is tried again after twice that time.
 * - `hurried`: whether the sentinels look at the servers several times a second, as `RealSentinel` makes them do, and not every ten
 *   seconds as usual. Then a former primary that is back is made a replica after two seconds, and not ten. Default false.
 * - `version`: the server to imitate, where versions differ visibly: `"7.0"` (the default) or `"8.0"`.
 * - `databases`: the number of databases, 16 by default.
 * - `password`: the password of the default user of the servers. `sentinelPassword`: that of the sentinels. The client of `layer`
 *   gets both.
 * - `availabilityZones`: the zones over which the servers are spread, which they tell as Valkey 9 does.
 * - `config`: more settings of the servers, as for CONFIG SET. `replica-priority` decides who is promoted.
 * - `seed`: determines everything that is random, also in elections. The same seed gives the same run. Default 1.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly name?: string | undefined
  readonly replicas?: number | undefined
  readonly sentinels?: number | undefined
  readonly quorum?: number | undefined
  readonly downAfter?: Duration.Input | undefined
  readonly failoverTimeout?: Duration.Input | undefined
  readonly hurried?: boolean | undefined
  readonly version?: VersionName | undefined
  readonly databases?: number | undefined
  readonly password?: Redacted.Redacted | undefined
  readonly sentinelPassword?: Redacted.Redacted | undefined
  readonly availabilityZones?: ReadonlyArray<string> | undefined
  readonly config?: Readonly<Record<string, string>> | undefined
  readonly seed?: number | undefined
}

const optionNames: ReadonlyArray<string> = [
  "name",
  "replicas",
  "sentinels",
  "quorum",
  "downAfter",
  "failoverTimeout",
  "hurried",
  "version",
  "databases",
  "password",
  "sentinelPassword",
  "availabilityZones",
  "config",
  "seed"
]

/**
 * The options of {@link layer}: those of the group, and settings of the client and of its source.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface LayerOptions extends Options {
  readonly client?: RedisCluster.SourceOptions | undefined
  /** Settings of `Topology.sentinel` besides the name and the sentinels. */
  readonly source?: Partial<Topology.SentinelOptions> | undefined
}

/**
 * A simulated group and its controls. Controls of processes and of the network take a server or a sentinel, or its name.
 *
 * **Details**
 *
 * Servers are called `fake-0` and so on, the first primary first; sentinels `sentinel-0` and so on. Invalid arguments (a node that
 * does not exist, a negative duration) fail with `FakeClusterError`. The controls that all simulated servers have are in
 * `FakeCluster.Controls`; here `addresses` are those of the sentinels.
 *
 * **Example** (A failover that takes no time)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { FakeSentinel } from "@redisc/test-utils"
 * import { Effect, Fiber } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * const outlived = Effect.gen(function*() {
 *   const group = yield* FakeSentinel.FakeSentinel
 *   yield* group.kill(yield* group.primary)
 *   const write = yield* Effect.forkChild(Redis.set("user:1", "ada"))
 *   yield* TestClock.adjust("5 seconds")
 *   return yield* Fiber.join(write) // "OK"
 * }).pipe(Effect.provide(FakeSentinel.layer()))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class FakeSentinel extends Context.Service<
  FakeSentinel,
  Omit<Controls<ServerState>, "addresses"> & {
    /** The name of the primary at the sentinels. */
    readonly name: string
    /** The addresses of all sentinels, for a client to start with: `sentinel-0:26379` and so on. */
    readonly addresses: ReadonlyArray<Address.Tcp>
    readonly sentinels: ReadonlyArray<ServerNode>
    /** The primary that most running sentinels name. Fails if it does not run, or takes itself for a replica. */
    readonly primary: Effect.Effect<ServerState, FakeClusterError>
    /** The running replicas. */
    readonly replicas: Effect.Effect<ReadonlyArray<ServerState>, FakeClusterError>
    /** Makes a sentinel fail over, and returns the new primary when all sentinels name it, which takes a second. */
    readonly failover: Effect.Effect<ServerState, FakeClusterError>
    /** Waits until another server than `from` is the primary, and all running sentinels name it. */
    readonly awaitSwitch: (from: NodeRef) => Effect.Effect<ServerState, FakeClusterError>
    /** Waits until all running servers copy the same one of them, and all running sentinels see who is up. */
    readonly waitUntilStable: Effect.Effect<void>
    /** Starts one more replica, of the primary or of the given server. The sentinels find it when they next ask its primary. */
    readonly addReplica: (of?: NodeRef) => Effect.Effect<ServerNode, FakeClusterError>
    /** What a sentinel has published, oldest first. The last ten thousand events are kept. */
    readonly events: (sentinel: NodeRef) => Effect.Effect<ReadonlyArray<Told>, FakeClusterError>
  }
>()("@redisc/test-utils/FakeSentinel") {}

type Service = FakeSentinel["Service"]

/** The services of a simulated group. */
interface Parts {
  readonly service: Service
  readonly connector: Connector["Service"]
}

const plan = (options: Options) => {
  Checks.record("what the group is made with", options, [...optionNames, "client", "source"])
  const { databases = 16, hurried = false, name = "mymaster", sentinels = 3, sentinelPassword } = options
  const { replicas, seed, settings } = checked({ ...options, replicas: options.replicas ?? 1 }, {
    databases: 16,
    shards: 1,
    config: [["cluster-enabled", "no"], ["databases", String(databases)]]
  })
  if (typeof name !== "string" || !/^[A-Za-z0-9._-]+$/.test(name)) {
    Checks.fail(`name is ${Checks.shown(name)}: give letters, digits and . - _ only`)
  }
  Checks.whole("sentinels", sentinels, 1, 1000)
  const { quorum = Math.floor(sentinels / 2) + 1 } = options
  Checks.whole("quorum", quorum, 1)
  const group: GroupSettings = {
    name,
    quorum,
    downAfter: Math.max(1, Checks.millis("downAfter", options.downAfter ?? "600 millis")),
    failoverTimeout: Math.max(1, Checks.millis("failoverTimeout", options.failoverTimeout ?? "2 seconds")),
    parallelSyncs: 5,
    periods: flag("hurried", hurried) ? hurriedPeriods : usualPeriods
  }
  return {
    replicas,
    seed,
    settings: { ...settings, clustered: false, redirects: false },
    sentinels,
    password: secretOf(sentinelPassword, "sentinelPassword"),
    group
  }
}

const makeService = (watched: Watched): Service => {
  const { group, sentinels, world } = watched
  let count = world.nodes.size - sentinels.length
  const { step } = Common
  const { controls, on, welcome } = Common.make<ServerState>(world, {
    stateOf: Servers.stateOf,
    ownerOf: () => Sentinels.primaryOf(watched),
    describe: () => Servers.describe(world)
  })
  return FakeSentinel.of({
    ...controls,
    name: group.settings.name,
    get addresses() {
      return sentinels.map((sentinel) => Sentinels.identityOf(sentinel).address)
    },
    get sentinels() {
      return sentinels.map(Sentinels.identityOf)
    },
    primary: step(() => Servers.stateOf(Sentinels.primaryOf(watched))),
    replicas: Effect.map(
      controls.nodes,
      (all) => all.filter(({ process, role }) => role === "replica" && process === "running")
    ),
    failover: Sentinels.failover(watched),
    awaitSwitch: (from) => Sentinels.switched(watched, from),
    waitUntilStable: Sentinels.stable(watched),
    addReplica: (of) =>
      Effect.flatMap(
        step(() =>
          Servers.addReplica(
            world,
            count++,
            of === undefined ? Sentinels.primaryOf(watched).name : find(world, of).name
          )
        ),
        welcome
      ),
    events: (sentinel) =>
      on(
        sentinel,
        (node) => node instanceof SentinelNode ? node.watch.told.slice() : Checks.fail(`${node.name} is no sentinel`)
      )
  })
}

/**
 * Starts a simulated group, and returns its controls and the `Connector` that connects to its servers and sentinels. They end with
 * the scope. Fails with `FakeClusterError` if an option is wrong.
 *
 * **Example** (The group by itself)
 *
 * ```ts
 * import { FakeSentinel } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * const primary = Effect.scoped(Effect.gen(function*() {
 *   const { service } = yield* FakeSentinel.make({ replicas: 2 })
 *   return (yield* service.primary).name
 * }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<Parts, FakeClusterError, Scope.Scope> =>
  Effect.gen(function*() {
    const { group: of, password, replicas, seed, sentinels: count, settings } = yield* Common.step(() => plan(options))
    const group = new Group(of)
    let sentinels: ReadonlyArray<SentinelNode> = []
    const { connector, world } = yield* start(settings, seed, (made) => {
      populateServers(made, replicas)
      sentinels = populateSentinels(made, group, count, password)
    })
    return { service: makeService({ world, group, sentinels }), connector }
  })

/**
 * A simulated group as a layer, for programs with a client of their own: its controls and a `Connector`.
 *
 * **Example** (A client that knows the sentinels)
 *
 * ```ts
 * import { RedisCluster, Topology } from "@redisc/core"
 * import { FakeSentinel } from "@redisc/test-utils"
 * import { Effect, Layer } from "effect"
 *
 * const Client = Layer.unwrap(Effect.map(
 *   FakeSentinel.FakeSentinel,
 *   ({ addresses: sentinels, name }) => RedisCluster.layerFromSource(Topology.sentinel({ name, sentinels }))
 * ))
 * const Live = Layer.provideMerge(Client, FakeSentinel.layerConnector({ replicas: 1 }))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConnector = (options?: Options): Layer.Layer<FakeSentinel | Connector, FakeClusterError> =>
  Layer.effectContext(
    Effect.map(
      make(options),
      ({ connector, service }) => Context.make(FakeSentinel, service).pipe(Context.add(Connector, connector))
    )
  )

/**
 * A simulated group with its client: the services of `RedisCluster.layerFromSource`, and {@link FakeSentinel}.
 *
 * **Details**
 *
 * The client finds the servers by `Topology.sentinel`; `source` has more settings of that, and `client` those of the client. The
 * client's periodic work on servers (PINGs on idle connections, refreshes of the map) runs only once a day here; `client` can set
 * other intervals. Its questions to sentinels take place as usual.
 *
 * **Example** (A group for each test)
 *
 * ```ts
 * import { assert, it } from "@effect/vitest"
 * import { Redis } from "@redisc/core"
 * import { FakeSentinel } from "@redisc/test-utils"
 * import { Effect, Fiber } from "effect"
 * import { TestClock } from "effect/testing"
 *
 * it.effect("goes on after a planned failover", () =>
 *   Effect.gen(function*() {
 *     const group = yield* FakeSentinel.FakeSentinel
 *     const failover = yield* Effect.forkChild(group.failover)
 *     yield* TestClock.adjust("3 seconds")
 *     const heir = yield* Fiber.join(failover)
 *     assert.strictEqual(yield* Redis.set("a", "1"), "OK")
 *     assert.deepStrictEqual(yield* group.keys(heir), ["a"])
 *   }).pipe(Effect.provide(FakeSentinel.layer({ replicas: 2 }))))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: LayerOptions = {}
): Layer.Layer<FakeSentinel | RedisCluster.Services, FakeClusterError | RedisError> => {
  const { client, password, sentinelPassword, source } = options ?? {}
  const ofGroup = Layer.unwrap(
    Effect.map(FakeSentinel, ({ addresses, name }) =>
      RedisCluster.layerFromSource(
        Topology.sentinel({
          name,
          sentinels: addresses,
          ...(sentinelPassword === undefined ? {} : { credentials: { password: sentinelPassword } }),
          ...source
        }),
        {
          pingInterval: "1 day",
          refreshInterval: "1 day",
          dedicatedTimeToLive: "1 day",
          ...(password === undefined ? {} : { credentials: { password } }),
          ...client
        }
      ))
  )
  return Layer.provideMerge(ofGroup, layerConnector(options))
}
