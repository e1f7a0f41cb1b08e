/**
 * A Redis Cluster inside a test: simulated nodes that own slots, answer in RESP, redirect, replicate, fail over and
 * expire keys by Effect's Clock. No server, no port, and it starts in milliseconds.
 *
 * {@link layer} takes the place of the Node layer. Only the network is simulated: the client above it is the real one, byte for
 * byte. The controls have the same names as those of `RealCluster`, and take effect at once.
 *
 * **The server that it imitates.** Redis 7.0.15, with its error texts, or Redis 8.0 if the options ask for it. Nothing is
 * saved: a node that is killed and restarted is empty. A replica that is connected to its primary is never late. News about the
 * cluster reach all nodes at once.
 *
 * **Where it runs.** Anywhere Effect runs, including browsers. Only `listen` and scripts need Node, for its TCP ports and its
 * files, and fail elsewhere.
 *
 * @since 0.1.0
 */
import { Connector } from "@redisc/core/Connector"
import * as RedisCluster from "@redisc/core/RedisCluster"
import type { RedisError } from "@redisc/core/RedisError"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Bus from "./fake/cluster/bus.ts"
import * as Front from "./fake/cluster/front.ts"
import type { FakeWorld } from "./fake/cluster/node.ts"
import { addMember, populate } from "./fake/cluster/populate.ts"
import * as Common from "./fake/controls/common.ts"
import type { Controls } from "./fake/controls/common.ts"
import { find } from "./fake/controls/find.ts"
import type { NodeRef } from "./fake/controls/find.ts"
import { checked, flag } from "./fake/controls/options.ts"
import * as Slots from "./fake/controls/slots.ts"
import { start } from "./fake/controls/start.ts"
import { awaitPromotion, stateOf } from "./fake/controls/states.ts"
import { slotOf } from "./fake/data/keyspace.ts"
import type { Profile } from "./fake/facts/profile.ts"
import type { VersionName } from "./fake/facts/version.ts"
import * as Checks from "./fake/input/checks.ts"
import { FakeClusterError } from "./fake/input/fakeClusterError.ts"
import * as ClusterState from "./fake/topology/clusterState.ts"
import { fromInput } from "./fake/values/binary.ts"
import type { Node, NodeState, Slots as SlotList } from "./internal/clusterNode.ts"

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
  CommandMatch,
  /**
   * @category models
   * @since 0.1.0
   */
  Mishap,
  /**
   * @category models
   * @since 0.1.0
   */
  Saying
} from "./fake/session/interventions.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  NodeRef
} from "./fake/controls/find.ts"

export type {
  /**
   * @category models
   * @since 0.1.0
   */
  DatabaseOptions,
  /**
   * @category models
   * @since 0.1.0
   */
  Seed
} from "./fake/controls/data.ts"

export type {
  /**
   * @category services
   * @since 0.1.0
   */
  Controls,
  /**
   * @category models
   * @since 0.1.0
   */
  JournalEntry
} from "./fake/controls/common.ts"

export type {
  /**
   * @category configuration
   * @since 0.1.0
   */
  VersionName
} from "./fake/facts/version.ts"

/**
 * The options of a simulated cluster.
 *
 * **Details**
 *
 * - `version`: the server to imitate, where versions differ visibly: `"7.0"` (the default, Redis 7.0.15) or `"8.0"` (Redis
 *   8.0.2).
 * - `primaries`: the number of primaries, 3 by default. `replicas`: the number of replicas of each primary, 0 by default.
 * - `databases`: the number of databases of each node, 1 by default, as before Valkey 9. With more, SELECT is allowed, and the
 *   keys of all databases move with their slot.
 * - `nodeTimeout`: the time after which a silent node counts as failed, 1 second by default. Half a second later a replica
 *   takes its place, if most primaries can still hear each other.
 * - `password`: the password of the default user. The client of `layer` gets it too.
 * - `requireFullCoverage`: whether a cluster without an owner for every slot refuses all commands, true by default.
 * - `availabilityZones`: the zones over which the nodes are spread, each shard's nodes in different ones as far as there are
 *   enough. The nodes tell them as Valkey 9 does: in HELLO, INFO, CLUSTER SLOTS and CLUSTER SHARDS; and CONFIG SET
 *   availability-zone changes that of a node until its restart. Without it they know of no zones, as Redis.
 * - `config`: more settings, as for CONFIG SET.
 * - `announces`: whether nodes announce maintenance to clients that ask for it (`CLIENT MAINT_NOTIFICATIONS`), as Redis Cloud and
 *   Redis Software do, and no other server. Default false.
 * - `profile`: the managed service that stands in front of the servers, with its restrictions. Default none. Behind one endpoint
 *   there is one primary.
 * - `seed`: determines everything that is random: node ids, RANDOMKEY, SPOP. The same seed gives the same run. Default 1.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface Options {
  readonly version?: VersionName | undefined
  readonly primaries?: number | undefined
  readonly replicas?: number | undefined
  readonly databases?: number | undefined
  readonly nodeTimeout?: Duration.Input | undefined
  readonly password?: Redacted.Redacted | undefined
  readonly requireFullCoverage?: boolean | undefined
  readonly availabilityZones?: ReadonlyArray<string> | undefined
  readonly config?: Readonly<Record<string, string>> | undefined
  readonly seed?: number | undefined
  readonly profile?: Profile | undefined
  readonly announces?: boolean | undefined
}

const optionNames: ReadonlyArray<string> = [
  "version",
  "primaries",
  "replicas",
  "databases",
  "nodeTimeout",
  "password",
  "requireFullCoverage",
  "availabilityZones",
  "config",
  "seed",
  "profile",
  "announces"
]

/**
 * The options of {@link layer}: those of the cluster, and settings of the client.
 *
 * @category configuration
 * @since 0.1.0
 */
export interface LayerOptions extends Options {
  readonly client?: Partial<RedisCluster.Options> | undefined
}

/**
 * The controls of a simulated cluster.
 *
 * **Details**
 *
 * Invalid arguments (a node that does not exist, a slot out of range) fail with `FakeClusterError`. Those of them that all
 * simulated servers have are in {@link Controls}.
 *
 * **Example** (What a client does when a slot moves)
 *
 * ```ts
 * import { Redis } from "@redisc/core"
 * import { FakeCluster } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * const followed = Effect.gen(function*() {
 *   const cluster = yield* FakeCluster.FakeCluster
 *   yield* Redis.set("user:1", "ada")
 *   yield* cluster.migrateSlot(cluster.slotOf("user:1"), "fake-2")
 *   return yield* Redis.get("user:1") // "ada"
 * }).pipe(Effect.provide(FakeCluster.layer({ primaries: 3, replicas: 1 })))
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class FakeCluster extends Context.Service<
  FakeCluster,
  Controls<NodeState> & {
    /** The running primaries, in the order of their names. */
    readonly primaries: Effect.Effect<ReadonlyArray<NodeState>, FakeClusterError>
    /** The running replicas of a node. */
    readonly replicasOf: (node: NodeRef) => Effect.Effect<ReadonlyArray<NodeState>, FakeClusterError>
    /** The owner of a slot, as the majority sees it. */
    readonly ownerOf: (slot: number) => Effect.Effect<Node, FakeClusterError>
    /** The slot of a key. */
    readonly slotOf: (key: string | Uint8Array) => number

    /** Makes a replica the primary. If the primary is down, use `force`; if the cluster has no majority, `takeover`. */
    readonly failover: (
      replica: NodeRef,
      mode?: "default" | "force" | "takeover"
    ) => Effect.Effect<void, FakeClusterError>
    /** Waits until a replica has replaced a node, and returns the replica. The Clock has to advance in the meantime. */
    readonly awaitPromotion: (of: NodeRef) => Effect.Effect<Node, FakeClusterError>
    /** Starts one more node: a primary without slots, or a replica of a node. */
    readonly addNode: (options?: { readonly replicaOf?: NodeRef | undefined }) => Effect.Effect<Node, FakeClusterError>
    /**
     * Moves a node's slots to the other primaries, removes it from the cluster, and ends it. Its replicas have to be removed
     * first.
     */
    readonly removeNode: (node: NodeRef) => Effect.Effect<void, FakeClusterError>

    /** Moves one slot with all its keys at once. */
    readonly migrateSlot: (slot: number, to: NodeRef) => Effect.Effect<void, FakeClusterError>
    /** Moves slots with all their keys. Without `slots`, moves all slots of `from`; with both, `from` must own them. */
    readonly migrateSlots: (
      options: { readonly to: NodeRef; readonly from?: NodeRef | undefined; readonly slots?: SlotList | undefined }
    ) => Effect.Effect<void, FakeClusterError>
    /**
     * Lets another primary claim a slot whose keys are not moved, and so are lost, as when a reshard is forced. Before 7.2 the
     * former owner does not tell those who cache them.
     */
    readonly claimSlot: (slot: number, by: NodeRef) => Effect.Effect<void, FakeClusterError>
    /** Begins to move a slot. All its keys stay where they are. */
    readonly beginMigration: (slot: number, to: NodeRef) => Effect.Effect<void, FakeClusterError>
    /** Moves at most `limit` keys of a slot whose migration has begun, and returns how many were moved. */
    readonly migrateKeys: (slot: number, limit: number) => Effect.Effect<number, FakeClusterError>
    /** Moves the remaining keys, and makes the target the owner of the slot. */
    readonly finishMigration: (slot: number) => Effect.Effect<void, FakeClusterError>
  }
>()("@redisc/test-utils/FakeCluster") {}

type Service = FakeCluster["Service"]

/** The services of a simulated cluster. */
interface Parts {
  readonly service: Service
  readonly connector: Connector["Service"]
}

/** The number of primaries where the options don't say. */
const isFronted = (profile: Profile | undefined): boolean => profile !== undefined && profile.shape !== "nodes"

const primariesOf = (profile: Profile | undefined): number => isFronted(profile) ? 1 : 3

const plan = (options: Options) => {
  Checks.record("what the cluster is made with", options, [...optionNames, "client"])
  const { databases, nodeTimeout = "1 second", profile, requireFullCoverage = true } = options
  const { primaries = primariesOf(profile) } = options
  Checks.whole("primaries", primaries, 1, 1000)
  const timeout = Checks.millis("nodeTimeout", nodeTimeout)
  const { replicas, seed, settings } = checked(options, {
    databases: 1,
    shards: primaries,
    config: [
      ["cluster-node-timeout", String(timeout)],
      ["cluster-require-full-coverage", flag("requireFullCoverage", requireFullCoverage) ? "yes" : "no"],
      ...(databases === undefined ? [] : [["cluster-databases", String(databases)] as const])
    ]
  })
  if (isFronted(settings.profile) && primaries !== 1) {
    Checks.fail(`behind one endpoint there is one shard, and primaries is ${primaries}: leave it out`)
  }
  return {
    primaries,
    replicas,
    seed,
    settings: { ...settings, clustered: true, redirects: false, nodeTimeout: timeout }
  }
}

const makeService = (world: FakeWorld): Service => {
  let count = world.nodes.size
  const { controls, on, welcome } = Common.make<NodeState>(world, {
    stateOf: (node) => stateOf(world, node),
    ownerOf: (key) => Slots.ownerOf(world, slotOf(key)),
    describe: () => Slots.describe(world)
  })
  const { step } = Common

  const addNode: Service["addNode"] = (settings = {}) =>
    Effect.flatMap(
      step(() => {
        Checks.record("what addNode is given", settings, ["replicaOf"])
        const primary = settings.replicaOf === undefined ? undefined : find(world, settings.replicaOf)
        if (primary?.isReplica === true) {
          throw new FakeClusterError({ problem: `${primary.name} is a replica, which can't have replicas` })
        }
        const host = Slots.witness(world)
        const added = addMember(world, count++, ClusterState.emptyView([]))
        added.view = ClusterState.emptyView([{ id: added.id, epoch: 0, primary: primary?.id, health: "online" }])
        Bus.introduce(world, host, added)
        return added
      }),
      welcome
    )

  return FakeCluster.of({
    ...controls,
    primaries: Effect.map(
      controls.nodes,
      (all) => all.filter(({ process, role }) => role === "primary" && process === "running")
    ),
    replicasOf: (node) =>
      Effect.flatMap(
        on(node, ({ id }) => id),
        (id) =>
          Effect.map(
            controls.nodes,
            (all) => all.filter(({ primary, process }) => primary === id && process === "running")
          )
      ),
    ownerOf: (slot) => step(() => Common.nodeOf(Slots.ownerOf(world, slot))),
    slotOf: (key) => slotOf(fromInput(Checks.word("the key", key))),

    failover: (replica, mode = "default") => step(() => Slots.failover(world, replica, mode)),
    awaitPromotion: (of) => Effect.flatMap(on(of, (node) => node), (node) => awaitPromotion(world, node)),
    addNode,
    removeNode: (node) => step(() => Slots.removeNode(world, node)),

    migrateSlot: (slot, to) => step(() => Slots.migrateSlots(world, { to, slots: [slot] })),
    migrateSlots: (settings) => step(() => Slots.migrateSlots(world, settings)),
    claimSlot: (slot, by) => step(() => Slots.claimSlot(world, slot, by)),
    beginMigration: (slot, to) => step(() => Slots.beginMigration(world, slot, to)),
    migrateKeys: (slot, limit) => step(() => Slots.migrateKeys(world, slot, limit)),
    finishMigration: (slot) => step(() => Slots.finishMigration(world, slot))
  })
}

/**
 * Starts a simulated cluster, and returns its controls and the `Connector` that connects to it. It ends with the scope.
 *
 * **Example** (A client of one's own making)
 *
 * ```ts
 * import { Connection, Connector, Redis } from "@redisc/core"
 * import { FakeCluster } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * const pong = Effect.scoped(Effect.gen(function*() {
 *   const { connector, service } = yield* FakeCluster.make()
 *   const connection = yield* Effect.provideService(
 *     Connection.make(service.addresses[0]),
 *     Connector.Connector,
 *     connector
 *   )
 *   return yield* connection.execute(Redis.ping())
 * }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<Parts, FakeClusterError, Scope.Scope> =>
  Effect.gen(function*() {
    const { primaries, replicas, seed, settings } = yield* Common.step(() => plan(options))
    const { connector, world } = yield* start(settings, seed, (made) => populate(made, primaries, replicas))
    return { service: makeService(world), connector }
  })

/**
 * A simulated cluster as a layer, for programs with a client of their own: its controls and a `Connector`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConnector = (options?: Options): Layer.Layer<FakeCluster | Connector, FakeClusterError> =>
  Layer.effectContext(
    Effect.map(
      make(options),
      ({ connector, service }) => Context.make(FakeCluster, service).pipe(Context.add(Connector, connector))
    )
  )

/**
 * A simulated cluster with its client: the services of `RedisCluster.layer`, and {@link FakeCluster}.
 *
 * **Details**
 *
 * `client` has settings of the client, as in `RedisCluster.layer`. By default its `nodes` are all nodes of the cluster. The
 * client's periodic work (PINGs on idle connections, refreshes of the layout) runs only once a day here, so that advancing a
 * test by an hour costs nothing; `client` can set other intervals.
 *
 * **Example** (A cluster for each test)
 *
 * ```ts
 * import { assert, it } from "@effect/vitest"
 * import { Redis } from "@redisc/core"
 * import { FakeCluster } from "@redisc/test-utils"
 * import { Effect } from "effect"
 *
 * it.effect("stores", () =>
 *   Effect.gen(function*() {
 *     yield* Redis.set("a", "1")
 *     assert.strictEqual(yield* Redis.get("a"), "1")
 *   }).pipe(Effect.provide(FakeCluster.layer({ primaries: 3 }))))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: LayerOptions = {}
): Layer.Layer<FakeCluster | RedisCluster.Services, FakeClusterError | RedisError> => {
  const { client, password, profile, primaries = primariesOf(profile), replicas = 0 } = options ?? {}
  // Invalid options are reported when the cluster is made.
  const count = Number.isInteger(primaries) && Number.isInteger(replicas) ? primaries * (1 + replicas) : 1
  const nodes = isFronted(profile)
    ? [`${Front.host}:${Front.ports.primary}`]
    : Array.from({ length: Math.min(count, 16) }, (_, index) => `fake-${index}:6379`)
  const cluster = RedisCluster.layer({
    nodes,
    pingInterval: "1 day",
    refreshInterval: "1 day",
    dedicatedTimeToLive: "1 day",
    ...(password === undefined ? {} : { credentials: { password } }),
    ...client
  })
  return Layer.provideMerge(cluster, layerConnector(options)) as Layer.Layer<
    FakeCluster | RedisCluster.Services,
    FakeClusterError | RedisError
  >
}
